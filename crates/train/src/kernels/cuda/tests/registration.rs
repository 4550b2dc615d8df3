//! ONNX Runtime takes the operators on a machine without a GPU: it infers types and shapes by the table and makes a kernel
//! of every operator in every element type. Nothing is run.

use ort::operator::OperatorDomain;
use ort::session::Session;

use crate::kernels::agreement::{Case, Precision, cases, model};
use crate::kernels::cuda::{PROVIDER, Settings, add_operators};
use crate::kernels::{DOMAIN, add_cpu_operators};
use crate::session::Runtime;

const SETTINGS: Settings = Settings { deterministic: true, tf32: false };

fn committed(domain: OperatorDomain, case: &Case, precision: Precision) -> Result<Session, String> {
    let builder = Session::builder(&Runtime::get().unwrap().environment).unwrap();
    let model = model(case, precision, true).unwrap().to_bytes().unwrap();
    let mut builder = builder.with_operators(domain).map_err(|error| error.to_string())?;
    builder.commit_from_memory(&model).map_err(|error| error.to_string())
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
