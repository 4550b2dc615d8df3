//! Optimiser steps against `torch.optim`, and what groups and averages do to them.

use std::collections::BTreeMap;

use serde_json::Value;
use swath_autodiff::{Loss, Optimizer, ParameterGroup, Role, Thaw, TrainingGraph, TrainingOptions, training_graph};

use crate::evaluator::{Array, Values, run};
use crate::{close, shifted};

/// Float32 constants (6e-8 each) over six steps.
const TOLERANCE: f64 = 1e-6;

fn optimizer(name: &str) -> Optimizer {
    let sgd =
        |momentum, dampening, nesterov, weight_decay| Optimizer::Sgd { momentum, dampening, nesterov, weight_decay };
    let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
    match name {
        "sgd" => sgd(0.0, 0.0, false, 0.0),
        "sgd with decay" => sgd(0.0, 0.0, false, 0.1),
        "sgd with momentum" => sgd(0.9, 0.3, false, 0.01),
        "sgd with nesterov" => sgd(0.9, 0.0, true, 0.0),
        "sgd with cycled momentum" => sgd(0.9, 0.0, false, 0.0),
        "adam" => Optimizer::adam(),
        "adam with decay" => Optimizer::Adam { beta1, beta2, epsilon, weight_decay: 0.1 },
        "adamw" | "adamw with cycled momentum" => Optimizer::adamw(),
        "adamw clipped" => Optimizer::AdamW { beta1, beta2, epsilon, weight_decay: 0.1 },
        other => panic!("unknown optimiser {other}"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// The state as the graph starts with it.
fn start(graph: &TrainingGraph) -> Values {
    let array =
        |s: &swath_autodiff::StateTensor| Array::new(&s.shape, s.initial.iter().map(|&v| f64::from(v)).collect());
    graph.state.iter().map(|s| (s.input.clone(), array(s))).collect()
}

/// One step; the gradient of the squared error against `target` is 2 (p - target) / n, so a target can be found for any gradient.
fn step(graph: &TrainingGraph, state: &mut Values, gradient: &[f64], scalars: &[(&str, f64)]) {
    let parameter = state["net.shift"].clone();
    let n = parameter.data.len() as f64;
    let target: Vec<f64> = parameter.data.iter().zip(gradient).map(|(p, g)| p - g * n / 2.0).collect();
    let mut inputs = state.clone();
    inputs.insert(TrainingGraph::INPUT.into(), Array::filled(&parameter.dims, 0.0));
    inputs.insert(TrainingGraph::TARGET.into(), Array::new(&parameter.dims, target));
    inputs.extend(scalars.iter().map(|&(name, value)| (name.to_owned(), Array::new(&[], vec![value]))));
    let found = run(&graph.model, &inputs);
    *state = graph.state.iter().map(|s| (s.input.clone(), found[&s.output].clone())).collect();
}

fn options(optimizer: Optimizer, count: usize) -> TrainingOptions {
    TrainingOptions { losses: vec![(1.0, Loss::Mse)], optimizer, ..TrainingOptions::new([1, 1, 1, count]) }
}

#[test]
fn agree_with_recorded_steps() {
    let recorded: Value = serde_json::from_str(include_str!("data/optimizers.json")).unwrap();
    let first = numbers(&recorded["start"]);
    let (rates, momenta) = (numbers(&recorded["rates"]), numbers(&recorded["momenta"]));
    for row in recorded["rows"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        let mut options = options(optimizer(name), first.len());
        options.clip_norm = row["clip"].as_f64();
        options.momentum_input = row["cycled"].as_bool().unwrap();
        let model = shifted(&[1, 1, 1, first.len()], &vec![0.0; first.len()]);
        let graph = training_graph(&model, &options).unwrap();
        let mut state = start(&graph);
        // The network holds float32, the record starts from float64.
        state.get_mut("net.shift").unwrap().data.clone_from(&first);
        for (index, expected) in row["course"].as_array().unwrap().iter().enumerate() {
            let mut scalars =
                vec![(TrainingGraph::LEARNING_RATE, rates[index]), (TrainingGraph::STEP, (index + 1) as f64)];
            if options.momentum_input {
                scalars.push((TrainingGraph::MOMENTUM, momenta[index]));
            }
            step(&graph, &mut state, &numbers(&recorded["gradients"][index]), &scalars);
            let what = format!("{name}, step {}", index + 1);
            close(&state["net.shift"].data, &numbers(&expected["parameter"]), TOLERANCE, &what);
            for (prefix, moment) in ["m", "v"].iter().zip(expected["moments"].as_array().unwrap()) {
                let found = &state[&format!("{prefix}/net.shift")].data;
                close(found, &numbers(moment), TOLERANCE, &format!("{prefix} of {what}"));
            }
        }
    }
}

#[test]
fn groups_change_rate_and_decay() {
    let plain = |groups: Vec<ParameterGroup>, rate: f64| {
        let decayed = Optimizer::Sgd { momentum: 0.0, dampening: 0.0, nesterov: false, weight_decay: 0.5 };
        let options = TrainingOptions { groups, ..options(decayed, 3) };
        let graph = training_graph(&shifted(&[1, 1, 1, 3], &[1.0, -2.0, 0.5]), &options).unwrap();
        let mut state = start(&graph);
        let scalars = [(TrainingGraph::LEARNING_RATE, rate), (TrainingGraph::STEP, 1.0)];
        step(&graph, &mut state, &[0.25, 0.5, -1.0], &scalars);
        state.remove("net.shift").unwrap().data
    };
    let group = |weight_decay| ParameterGroup { pattern: "net.*".into(), lr_multiplier: 0.125, weight_decay };
    // p - lr (g + decay p), with lr = 0.5 / 8.
    let expected: Vec<f64> =
        [(1.0, 0.25), (-2.0, 0.5), (0.5, -1.0)].iter().map(|(p, g)| p - 0.0625 * (g + 0.5 * p)).collect();
    close(&plain(vec![group(None)], 0.5), &expected, 1e-12, "a group's own rate");
    let expected: Vec<f64> = [(1.0, 0.25), (-2.0, 0.5), (0.5, -1.0)].iter().map(|(p, g)| p - 0.0625 * g).collect();
    close(&plain(vec![group(Some(0.0))], 0.5), &expected, 1e-12, "a group without decay");
}

#[test]
fn averages_follow_the_updated_parameter() {
    let options = TrainingOptions { ema_decay: Some(0.75), ..options(Optimizer::sgd(0.0), 2) };
    let graph = training_graph(&shifted(&[1, 1, 1, 2], &[1.0, 3.0]), &options).unwrap();
    let roles: BTreeMap<&str, Role> = graph.state.iter().map(|s| (s.name.as_str(), s.role)).collect();
    assert_eq!(roles, BTreeMap::from([("net.shift", Role::Parameter), ("ema/net.shift", Role::Average)]));
    let mut state = start(&graph);
    assert_eq!(state["ema/net.shift"].data, [1.0, 3.0]);
    let scalars = [(TrainingGraph::LEARNING_RATE, 0.5), (TrainingGraph::STEP, 1.0)];
    step(&graph, &mut state, &[2.0, -4.0], &scalars);
    close(&state["net.shift"].data, &[0.0, 5.0], 1e-12, "parameter");
    // 0.75 old + 0.25 new
    close(&state["ema/net.shift"].data, &[0.75, 3.5], 1e-12, "average");
}

#[test]
fn a_thawed_parameter_counts_its_steps_from_its_own_beginning() {
    let source = shifted(&[1, 1, 1, 3], &[1.0, -2.0, 0.5]);
    let thaw = Thaw { pattern: "*.shift".into(), after_step: 40 };
    let frozen = TrainingOptions { freeze: vec!["net.*".into()], thaw: vec![thaw], ..options(Optimizer::adamw(), 3) };
    assert!(training_graph(&source, &TrainingOptions { steps_done: 39, ..frozen.clone() }).is_err(), "still frozen");
    let train = |options: &TrainingOptions, first: f64| {
        let graph = training_graph(&source, options).unwrap();
        let mut state = start(&graph);
        for n in 0..3 {
            let scalars = [(TrainingGraph::LEARNING_RATE, 0.1), (TrainingGraph::STEP, first + f64::from(n))];
            step(&graph, &mut state, &[0.25, 0.5, -1.0], &scalars);
        }
        state
    };
    // Bias corrections depend on the step number, so the fourth decimal already tells steps 41 to 43 from 1 to 3.
    let thawed = train(&TrainingOptions { steps_done: 40, ..frozen.clone() }, 41.0);
    let anew = train(&options(Optimizer::adamw(), 3), 1.0);
    assert_eq!(thawed, anew);

    let nothing = Thaw { pattern: "other.*".into(), after_step: 1 };
    let error = training_graph(&source, &TrainingOptions { thaw: vec![nothing], ..frozen }).unwrap_err();
    assert!(error.to_string().contains("'other.*' thaws nothing"), "{error}");
}

#[test]
fn a_frozen_parameter_is_no_state() {
    let options = TrainingOptions { freeze: vec!["net.*".into()], ..options(Optimizer::sgd(0.0), 2) };
    let error = training_graph(&shifted(&[1, 1, 1, 2], &[1.0, 3.0]), &options).unwrap_err();
    assert!(error.to_string().contains("no parameter is left to train"), "{error}");
}
