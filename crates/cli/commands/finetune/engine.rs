//! What takes optimiser steps: one graph for a step on one batch, or two that first add up the gradients of several.

use anyhow::{Context, Error, Result};
use ndarray::arr0;
use swath_autodiff::{Model, Role, TrainingGraph, TrainingOptions, accumulating_graphs, training_graph, write_back};
use swath_loader::Batch;
use swath_train::fit::{Ahead, StepAt};
use swath_train::{
    AccumulatingSession, Execution, InputTensor, LossScaler, SessionOptions, StateValue, StepInputs, TrainError,
    TrainSession,
};

/// A network in training.
#[derive(Debug)]
pub(super) enum Engine {
    /// A step is one batch, which may have been taken over ahead of it.
    Single { session: Box<TrainSession>, staged: bool },
    /// A step is the mean over several batches.
    Several(Box<AccumulatingSession>),
}

impl Engine {
    /// Writes the graphs for `accumulate` batches a step and loads them.
    pub(super) fn new(
        model: &Model,
        options: &TrainingOptions,
        accumulate: usize,
        session: &SessionOptions,
    ) -> Result<Self> {
        Ok(if accumulate > 1 {
            Self::Several(Box::new(AccumulatingSession::new(&accumulating_graphs(model, options)?, session)?))
        } else {
            let session = Box::new(TrainSession::new(&training_graph(model, options)?, session)?);
            Self::Single { session, staged: false }
        })
    }

    /// Takes one step; gives the mean loss of the batches. While a step on one batch computes, the batch of the next one is taken over.
    pub(super) fn step(
        &mut self,
        batches: &[Batch],
        at: StepAt,
        ahead: Option<&mut Ahead<'_, Vec<Batch>, Error>>,
    ) -> Result<f32> {
        let learning_rate = at.learning_rate as f32;
        let momentum = at.momentum.map(|momentum| arr0(momentum as f32));
        let momentum = momentum.iter().map(|momentum| (TrainingGraph::MOMENTUM, momentum.view().into()));
        match self {
            Self::Single { session, staged } => {
                if !std::mem::take(staged) {
                    stage(session, batches)?;
                }
                session.launch(&StepInputs { tensors: momentum.collect(), learning_rate, step: at.step })?;
                if let Some(next) = ahead.and_then(Ahead::batch) {
                    stage(session, next)?;
                    *staged = true;
                }
                Ok(session.finish()?.loss)
            }
            Self::Several(session) => {
                let mut sum = 0.0;
                for batch in batches {
                    sum += f64::from(session.accumulate(&arrays(batch, &batch.target_i64()))?);
                }
                session.update(learning_rate, at.step, &momentum.collect::<Vec<_>>())?;
                Ok((sum / batches.len() as f64) as f32)
            }
        }
    }

    /// Parameters, moments, averages and running statistics.
    pub(super) fn state(&self) -> Result<Vec<StateValue<'_>>, TrainError> {
        match self {
            Self::Single { session, .. } => session.state(),
            Self::Several(session) => session.state(),
        }
    }

    /// Replaces state by name; what is not named stays.
    pub(super) fn load<'v>(&mut self, tensors: impl IntoIterator<Item = (&'v str, &'v [f32])>) -> Result<()> {
        match self {
            Self::Single { session, .. } => session.load_some(tensors)?,
            Self::Several(session) => session.load_some(tensors)?,
        }
        Ok(())
    }

    /// The scale of the loss, where it is scaled.
    pub(super) fn loss_scaler(&self) -> Option<LossScaler> {
        match self {
            Self::Single { session, .. } => session.loss_scaler(),
            Self::Several(session) => session.loss_scaler(),
        }
    }

    /// Goes on with a scale of the loss.
    pub(super) fn set_loss_scaler(&mut self, scaler: Option<LossScaler>) -> Result<()> {
        match (self, scaler) {
            (_, None) => {}
            (Self::Single { session, .. }, Some(scaler)) => session.set_loss_scaler(scaler)?,
            (Self::Several(session), Some(scaler)) => session.set_loss_scaler(scaler)?,
        }
        Ok(())
    }

    pub(super) fn execution(&self) -> &Execution {
        match self {
            Self::Single { session, .. } => session.execution(),
            Self::Several(session) => session.execution(),
        }
    }
}

/// Takes a batch to where the next step reads it.
fn stage(session: &mut TrainSession, batches: &[Batch]) -> Result<()> {
    let batch = batches.first().context("a step without a batch")?;
    Ok(session.stage(&arrays(batch, &batch.target_i64()))?)
}

fn arrays<'a>(batch: &'a Batch, target: &'a ndarray::Array3<i64>) -> Vec<(&'static str, InputTensor<'a>)> {
    vec![(TrainingGraph::INPUT, batch.image.view().into()), (TrainingGraph::TARGET, target.view().into())]
}

/// The network with trained parameters and statistics; the moving average of a parameter, where there is one, takes its
/// place.
pub(super) fn into_network<'v>(
    model: &Model,
    state: impl IntoIterator<Item = (&'v str, Role, &'v [f32])>,
) -> Result<Model> {
    let state: Vec<_> = state.into_iter().collect();
    let average = |name: &str| {
        let of = |tensor: &str| tensor.strip_prefix(TrainingGraph::AVERAGE) == Some(name);
        state.iter().find(|(tensor, role, _)| *role == Role::Average && of(tensor)).map(|(_, _, values)| *values)
    };
    let kept = state.iter().filter(|(_, role, _)| matches!(role, Role::Parameter | Role::RunningStatistic));
    let tensors = kept.map(|(name, _, values)| (*name, average(name).unwrap_or(values)));
    Ok(write_back(model, tensors)?)
}
