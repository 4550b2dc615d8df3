//! ONNX Runtime takes the operators on a machine without a GPU: it infers types and shapes by the table and makes a kernel
//! of every operator in every element type. Nothing is run.

use ort::operator::OperatorDomain;
use ort::session::Session;
use swath_autodiff::{Lowering, Model, Optimizer, TrainingOptions, training_graph};

use crate::kernels::agreement::{Case, Precision, cases, model};
use crate::kernels::cuda::{PROVIDER, Settings, add_operators};
use crate::kernels::{DOMAIN, add_cpu_operators, session_of_bytes};
use crate::session::Runtime;

const SETTINGS: Settings = Settings { deterministic: true, tf32: false };

fn committed(domain: OperatorDomain, case: &Case, precision: Precision) -> Result<Session, String> {
    let builder = Session::builder(&Runtime::get().unwrap().environment).unwrap();
    let model = model(case, precision, true).unwrap().to_bytes().unwrap();
    let mut builder = builder.with_operators(domain).map_err(|error| error.to_string())?;
    session_of_bytes(&mut builder, &model).map_err(|error| error.to_string())
}

fn domain() -> OperatorDomain {
    // Before anything of ONNX Runtime's is made: without it `ort` looks for a library by itself.
    Runtime::get().unwrap();
    OperatorDomain::new(DOMAIN).unwrap()
}

#[test]
fn every_operator_is_made_in_every_element_type() {
    for case in cases() {
        for precision in Precision::ALL {
            // Without a provider of their own, operators are the processor's, so that their kernels are made.
            let domain = add_operators(domain(), SETTINGS, None).unwrap();
            let session =
                committed(domain, &case, precision).unwrap_or_else(|e| panic!("{} {precision:?}: {e}", case.name));
            for output in session.outputs() {
                let shape = output.dtype().tensor_shape().unwrap();
                assert!(shape.iter().all(|&size| size > 0), "{} {precision:?}: {output:?}", case.name);
            }
        }
    }
}

#[test]
fn without_the_provider_nothing_runs_them() {
    let case = &cases()[0];
    let domain = add_operators(domain(), SETTINGS, Some(PROVIDER)).unwrap();
    let error = committed(domain, case, Precision::F32).unwrap_err();
    assert!(error.contains("Conv"), "{error}");
}

#[test]
fn both_tables_fit_one_domain() {
    for case in cases() {
        let domain = add_operators(add_cpu_operators(domain()).unwrap(), SETTINGS, Some(PROVIDER)).unwrap();
        assert!(committed(domain, &case, Precision::F32).is_ok(), "{}", case.name);
    }
}

/// Commits the training graph of a network with convolution, normalisation, pooling and resizing. In float16, where the
/// processor lacks standard operators, ONNX Runtime casts around those; in bfloat16 it does not.
#[test]
fn whole_training_graphs_are_taken() {
    let network = Model::load(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.onnx")).unwrap();
    for precision in [swath_autodiff::Precision::Float32, swath_autodiff::Precision::Float16] {
        for optimizer in [Optimizer::adamw(), Optimizer::sgd(0.9)] {
            for (clip_norm, momentum_input) in [(None, false), (Some(1.0), true)] {
                let options = TrainingOptions {
                    precision,
                    optimizer,
                    clip_norm,
                    momentum_input,
                    lowering: Lowering::Swath,
                    ..TrainingOptions::new([2, 4, 16, 16])
                };
                let model = training_graph(&network, &options).unwrap().model;
                let own = model.graph().nodes().iter().filter(|node| node.domain == DOMAIN).count();
                assert!(own > 20, "{own} nodes of domain swath");
                let domain = add_operators(domain(), SETTINGS, None).unwrap();
                let builder = Session::builder(&Runtime::get().unwrap().environment).unwrap();
                let mut builder = builder.with_operators(domain).unwrap();
                let session = session_of_bytes(&mut builder, &model.to_bytes().unwrap());
                assert!(session.is_ok(), "{precision:?} {options:?}: {:?}", session.err());
            }
        }
    }
}
