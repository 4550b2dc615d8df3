//! Broken and malicious models: each ends in a typed error, quickly, without a panic and without an allocation of their choosing.

// A test may stop at the first surprise, in its helpers too; a test binary has no users.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod network;

use std::time::Instant;

use network::unet;
use prost::Message;
use swath_autodiff::onnx::proto::{
    AttributeProto, DimensionProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
};
use swath_autodiff::{
    Adaptation, BatchNormMode, Error, Lowering, Model, TrainingOptions, adapt, gradient_graph, training_graph,
};

const SHAPE: [usize; 4] = [2, 3, 8, 8];

fn proto() -> ModelProto {
    ModelProto::decode(&unet().to_bytes().unwrap()[..]).unwrap()
}

fn graph(proto: &mut ModelProto) -> &mut swath_autodiff::onnx::proto::GraphProto {
    proto.graph.as_mut().unwrap()
}

fn initializer<'a>(proto: &'a mut ModelProto, name: &str) -> &'a mut TensorProto {
    graph(proto).initializer.iter_mut().find(|t| t.name.as_deref() == Some(name)).unwrap()
}

fn node<'a>(proto: &'a mut ModelProto, operator: &str) -> &'a mut NodeProto {
    graph(proto).node.iter_mut().find(|n| n.op_type.as_deref() == Some(operator)).unwrap()
}

/// Reads a model and writes its gradient graph.
fn attempt(proto: &ModelProto) -> Result<Model, Error> {
    gradient_graph(&Model::from_bytes(&proto.encode_to_vec())?, &TrainingOptions::new(SHAPE))
}

/// The error of a broken model, found within a second.
fn failure(proto: &ModelProto) -> Error {
    let start = Instant::now();
    let error = attempt(proto).expect_err("a broken model was accepted");
    assert!(start.elapsed().as_secs_f64() < 1.0, "took {:?}", start.elapsed());
    error
}

#[test]
fn the_sound_model_is_accepted() {
    attempt(&proto()).unwrap();
}

#[test]
fn truncated_anywhere() {
    let bytes = unet().to_bytes().unwrap();
    for length in 0..bytes.len() {
        // A cut between two fields leaves a valid, smaller message; what it then lacks is found later.
        if let Ok(model) = Model::from_bytes(&bytes[..length]) {
            gradient_graph(&model, &TrainingOptions::new(SHAPE)).expect_err("a truncated model was accepted");
        }
    }
}

#[test]
fn not_onnx_at_all() {
    assert!(matches!(Model::from_bytes(b"GIF89a, and more").unwrap_err(), Error::Decode(_) | Error::Malformed { .. }));
}

#[test]
fn a_circle() {
    let mut broken = proto();
    node(&mut broken, "Conv").input[0] = "d2".into();
    assert!(matches!(failure(&broken), Error::Cycle { .. }));
}

#[test]
fn a_missing_initializer() {
    let mut broken = proto();
    graph(&mut broken).initializer.retain(|t| t.name.as_deref() != Some("decoder.conv.weight"));
    let error = failure(&broken);
    assert!(matches!(&error, Error::MissingValue { value, .. } if value == "decoder.conv.weight"), "{error}");
}

#[test]
fn a_value_produced_twice() {
    let mut broken = proto();
    node(&mut broken, "Relu").output[0] = "c1".into();
    assert!(matches!(failure(&broken), Error::DuplicateValue { .. }));
}

#[test]
fn an_unknown_operator_is_named_with_its_node() {
    let mut broken = proto();
    let relu = node(&mut broken, "Relu");
    (relu.op_type, relu.name) = (Some("Frobnicate".into()), Some("/encoder/odd".into()));
    let error = failure(&broken).to_string();
    assert!(error.contains("Frobnicate") && error.contains("/encoder/odd"), "{error}");
}

#[test]
fn an_operator_of_a_foreign_domain() {
    let mut broken = proto();
    node(&mut broken, "Relu").domain = Some("com.example".into());
    assert!(matches!(failure(&broken), Error::UnknownOperator { operator, .. } if operator == "com.example::Relu"));
}

#[test]
fn an_operator_without_gradient() {
    let mut broken = proto();
    let relu = node(&mut broken, "Relu");
    relu.op_type = Some("Trilu".into());
    let error = failure(&broken);
    assert!(matches!(&error, Error::NoGradient { operator, .. } if operator == "Trilu"), "{error}");
    assert!(error.to_string().contains("freeze"), "{error}");
}

#[test]
fn an_opset_of_the_future_or_the_past() {
    for version in [i64::MAX, 99, 7, 0, -1] {
        let mut broken = proto();
        broken.opset_import[0].version = Some(version);
        assert!(matches!(failure(&broken), Error::Opset { found, .. } if found == version));
    }
}

#[test]
fn dimensions_without_data() {
    for dims in [vec![i64::MAX; 4], vec![1 << 40], vec![0, i64::MAX]] {
        let mut broken = proto();
        initializer(&mut broken, "encoder.conv1.weight").dims = dims.clone();
        assert!(matches!(failure(&broken), Error::TensorData { .. }), "{dims:?}");
    }
}

/// A node `operator` in front of the network's Reshape-like needs: its shape input is a constant of absurd sizes.
fn with_shape_bomb(operator: &str, inputs: &[&str], sizes: &[i64]) -> ModelProto {
    let mut broken = proto();
    let raw = sizes.iter().flat_map(|s| s.to_le_bytes()).collect();
    graph(&mut broken).initializer.push(TensorProto {
        name: Some("bomb".into()),
        dims: vec![sizes.len() as i64],
        data_type: Some(7),
        raw_data: Some(raw),
        ..TensorProto::default()
    });
    graph(&mut broken).node.push(NodeProto {
        op_type: Some(operator.into()),
        input: inputs.iter().map(|&s| s.into()).collect(),
        output: vec!["debris".into()],
        ..NodeProto::default()
    });
    // The output depends on it, so that it is not simply dropped.
    graph(&mut broken).node.push(NodeProto {
        op_type: Some("Add".into()),
        input: vec!["logits".into(), "debris".into()],
        output: vec!["sum".into()],
        ..NodeProto::default()
    });
    graph(&mut broken).output[0].name = Some("sum".into());
    broken
}

#[test]
fn shapes_too_large_for_any_machine() {
    let huge = 1i64 << 40;
    for (operator, inputs, sizes) in [
        ("ConstantOfShape", vec!["bomb"], vec![huge, huge]),
        ("ConstantOfShape", vec!["bomb"], vec![huge]),
        ("Expand", vec!["head.0.bias", "bomb"], vec![huge, 2]),
        ("Tile", vec!["head.0.bias", "bomb"], vec![huge]),
        ("Pad", vec!["head.0.bias", "bomb"], vec![huge, i64::MAX]),
        ("Resize", vec!["logits", "", "", "bomb"], vec![2, 2, huge, huge]),
        ("Reshape", vec!["logits", "bomb"], vec![huge, -1]),
        ("Reshape", vec!["logits", "bomb"], vec![i64::MIN, 2]),
        ("Gather", vec!["head.0.bias", "bomb"], vec![huge]),
    ] {
        let error = match attempt(&with_shape_bomb(operator, &inputs, &sizes)) {
            Err(error) => error,
            // An index out of range is the runtime's to refuse; nothing was allocated for it.
            Ok(_) if operator == "Gather" => continue,
            Ok(_) => panic!("{operator} to {sizes:?} was accepted"),
        };
        assert!(
            matches!(error, Error::TooLarge { .. } | Error::Shape { .. } | Error::NotSegmentation { .. }),
            "{error}"
        );
    }
}

#[test]
fn ranges_without_end() {
    let mut broken = with_shape_bomb("Range", &["from", "to", "by"], &[1]);
    for (name, value) in [("from", i64::MIN), ("to", i64::MAX), ("by", 1)] {
        graph(&mut broken).initializer.push(TensorProto {
            name: Some(name.into()),
            data_type: Some(7),
            raw_data: Some(value.to_le_bytes().to_vec()),
            ..TensorProto::default()
        });
    }
    let error = failure(&broken);
    assert!(matches!(error, Error::TooLarge { .. } | Error::Shape { .. }), "{error}");
}

#[test]
fn windows_beyond_reason() {
    for (name, values) in [
        ("kernel_shape", vec![i64::MAX, 1]),
        ("strides", vec![0, 1]),
        ("strides", vec![-1, 1]),
        ("dilations", vec![i64::MAX, i64::MAX]),
        ("pads", vec![i64::MAX; 4]),
        ("pads", vec![1, 1]),
    ] {
        let mut broken = proto();
        let pool = node(&mut broken, "MaxPool");
        pool.attribute.retain(|a| a.name.as_deref() != Some(name));
        pool.attribute.push(AttributeProto {
            name: Some(name.into()),
            r#type: Some(7),
            ints: values.clone(),
            ..AttributeProto::default()
        });
        let error = failure(&broken);
        assert!(
            matches!(error, Error::Node { .. } | Error::Shape { .. } | Error::TooLarge { .. }),
            "{name} {values:?}: {error}"
        );
    }
}

#[test]
fn an_input_shape_beyond_reason() {
    let error = gradient_graph(&unet(), &TrainingOptions::new([usize::MAX, 3, usize::MAX, 8])).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    for shape in [[0, 3, 8, 8], [2, 3, 0, 8]] {
        let error = gradient_graph(&unet(), &TrainingOptions::new(shape)).unwrap_err();
        assert!(matches!(error, Error::Options { .. }), "{error}");
    }
}

#[test]
fn a_wrong_number_of_bands() {
    let error = gradient_graph(&unet(), &TrainingOptions::new([2, 4, 8, 8])).unwrap_err();
    assert!(matches!(error, Error::InputChannels { expected: 3, found: 4 }), "{error}");
}

#[test]
fn control_flow() {
    let mut broken = proto();
    let relu = node(&mut broken, "Relu");
    relu.op_type = Some("If".into());
    // Attribute kind 5 is a graph.
    relu.attribute.push(AttributeProto {
        name: Some("then_branch".into()),
        r#type: Some(5),
        ..AttributeProto::default()
    });
    assert!(failure(&broken).to_string().contains("control flow"));
}

#[test]
fn a_negative_dimension_of_the_input() {
    let mut broken = proto();
    let shape =
        graph(&mut broken).input[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().shape.as_mut().unwrap();
    shape.dim[0] = DimensionProto { dim_value: Some(-2), dim_param: None };
    assert!(matches!(failure(&broken), Error::Malformed { .. }));
}

fn external(location: &str, offset: &str, length: &str) -> ModelProto {
    let mut proto = proto();
    let tensor = initializer(&mut proto, "head.0.bias");
    tensor.raw_data = None;
    tensor.data_location = Some(1);
    let entry = |key: &str, value: &str| StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
    tensor.external_data = vec![entry("location", location), entry("offset", offset), entry("length", length)];
    proto
}

#[test]
fn external_data_stays_inside_the_folder() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("model");
    std::fs::create_dir(&folder).unwrap();
    let secret = parent.path().join("secret.bin");
    std::fs::write(&secret, [0u8; 8]).unwrap();
    std::fs::write(folder.join("weights.bin"), [0, 0, 128, 63, 0, 0, 0, 64]).unwrap();
    let load = |proto: &ModelProto| {
        let path = folder.join("model.onnx");
        std::fs::write(&path, proto.encode_to_vec()).unwrap();
        Model::load(path)
    };
    let model = load(&external("weights.bin", "0", "8")).unwrap();
    assert_eq!(model.graph().initializers()["head.0.bias"].as_f32().unwrap(), [1.0, 2.0]);

    let absolute = secret.to_str().unwrap();
    let mut locations = vec!["../secret.bin", absolute, "", "/dev/zero", "none.bin", "."];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, folder.join("link.bin")).unwrap();
        locations.push("link.bin");
    }
    for location in locations {
        let error = load(&external(location, "0", "8")).unwrap_err();
        assert!(matches!(error, Error::ExternalData { .. }), "{location}: {error}");
    }
    for (offset, length) in [("4", "8"), ("9", "1"), ("0", "18446744073709551615"), ("-1", "8"), ("0", "x")] {
        let error = load(&external("weights.bin", offset, length)).unwrap_err();
        assert!(matches!(error, Error::ExternalData { .. }), "{offset} {length}: {error}");
    }
    let error = Model::from_bytes(&external("weights.bin", "0", "8").encode_to_vec()).unwrap_err();
    assert!(matches!(error, Error::ExternalData { .. }), "{error}");
}

#[test]
fn external_data_is_read_only_as_far_as_dimensions_go() {
    let folder = tempfile::tempdir().unwrap();
    let load = |proto: &ModelProto| {
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, proto.encode_to_vec()).unwrap();
        Model::load(path)
    };
    // A file of holes: it takes no room on disk and 64 GiB in memory.
    let holes = std::fs::File::create(folder.path().join("holes.bin")).unwrap();
    holes.set_len(1 << 36).unwrap();
    let mut whole = external("holes.bin", "0", "8");
    initializer(&mut whole, "head.0.bias").external_data.truncate(1);
    for proto in [whole, external("holes.bin", "0", "68719476736")] {
        let started = Instant::now();
        let error = load(&proto).unwrap_err();
        assert!(matches!(error, Error::TensorData { expected: 8, found: 0x10_0000_0000, .. }), "{error}");
        assert!(started.elapsed().as_secs() < 1);
    }

    // Many tensors that each want the whole of one file.
    std::fs::write(folder.path().join("shared.bin"), [0u8; 8]).unwrap();
    let mut many = external("shared.bin", "0", "8");
    let tensor = initializer(&mut many, "head.0.bias").clone();
    let again = |n: usize| TensorProto { name: Some(format!("again.{n}")), ..tensor.clone() };
    graph(&mut many).initializer.extend((0..100).map(again));
    let error = load(&many).unwrap_err();
    assert!(matches!(error, Error::ExternalData { .. }), "{error}");
}

#[test]
fn a_negative_dimension_of_a_tensor() {
    let mut broken = proto();
    for dims in [vec![-2], vec![-1, 3, 3, 3], vec![i64::MIN; 2]] {
        initializer(&mut broken, "head.0.bias").dims = dims;
        assert!(failure(&broken).to_string().contains("negative dimension"));
    }
}

#[test]
fn a_head_without_weights() {
    let mut broken = proto();
    let weight = initializer(&mut broken, "head.0.weight");
    (weight.dims[2], weight.dims[3]) = (0, 0);
    weight.raw_data = Some(Vec::new());
    let model = Model::from_bytes(&broken.encode_to_vec()).unwrap();
    let error = adapt(&model, &Adaptation { classes: Some(9), ..Adaptation::default() }).unwrap_err();
    assert!(error.to_string().contains("no weights"), "{error}");
    assert!(training_graph(&model, &TrainingOptions::new(SHAPE)).is_err());
}

#[test]
fn several_outputs_are_named_and_one_can_be_kept() {
    let mut several = proto();
    let graph = graph(&mut several);
    let mut second = graph.output[0].clone();
    second.name = graph.node[0].output.first().cloned();
    graph.output.push(second);
    let model = Model::from_bytes(&several.encode_to_vec()).unwrap();
    let names: Vec<String> = model.graph().outputs().iter().map(|output| output.name.clone()).collect();
    for error in [
        model.inspect().unwrap_err(),
        training_graph(&model, &TrainingOptions::new(SHAPE)).unwrap_err(),
        adapt(&model, &Adaptation { classes: Some(9), ..Adaptation::default() }).unwrap_err(),
    ] {
        assert!(error.to_string().contains(&names.join(", ")), "{error}");
    }
    training_graph(&model.with_output(&names[0]).unwrap(), &TrainingOptions::new(SHAPE)).unwrap();
    assert!(model.with_output("elsewhere").unwrap_err().to_string().contains(&names[1]));
}

#[test]
fn a_long_chain_needs_no_deep_stack() {
    let mut long = proto();
    let graph = graph(&mut long);
    let input = graph.input[0].name.clone().unwrap();
    for node in &mut graph.node {
        node.input.iter_mut().filter(|name| **name == input).for_each(|name| *name = "link.20000".into());
    }
    let link = |n: usize| NodeProto {
        op_type: Some("Relu".into()),
        input: vec![if n == 0 { input.clone() } else { format!("link.{n}") }],
        output: vec![format!("link.{}", n + 1)],
        ..NodeProto::default()
    };
    // Last first, so that putting them in order takes the whole way as well.
    graph.node.extend((0..20_000).rev().map(link));
    let work = move || {
        let model = Model::from_bytes(&long.encode_to_vec()).unwrap();
        training_graph(&model, &TrainingOptions::new(SHAPE)).map(drop)
    };
    // A frame of 100 bytes for each link would not fit.
    std::thread::Builder::new().stack_size(2_000_000).spawn(work).unwrap().join().unwrap().unwrap();
}

#[test]
fn subgraphs_within_subgraphs() {
    // The fields of the protobuf by hand: attribute.g = 6, graph.node = 1, node.attribute = 5, model.graph = 7.
    let field = |number: u8, bytes: Vec<u8>| {
        let mut length = Vec::new();
        prost::encoding::encode_varint(bytes.len() as u64, &mut length);
        [vec![number << 3 | 2], length, bytes].concat()
    };
    let deep = (0..5_000).fold(Vec::new(), |inner, _| field(1, field(5, field(6, inner))));
    let bytes = [proto().encode_to_vec(), field(7, deep)].concat();
    assert!(Model::from_bytes(&bytes).is_err());
}

/// Small steps of a linear congruential generator.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides.max(1)
    }
}

/// Operators that a node is changed to.
const OPERATORS: [&str; 47] = [
    "Relu",
    "Conv",
    "ConvTranspose",
    "MaxPool",
    "BatchNormalization",
    "Add",
    "Mul",
    "Concat",
    "Resize",
    "Reshape",
    "Transpose",
    "Slice",
    "Gather",
    "ReduceMean",
    "ReduceSum",
    "MatMul",
    "Gemm",
    "Softmax",
    "Split",
    "Pad",
    "Expand",
    "Squeeze",
    "Unsqueeze",
    "Flatten",
    "Where",
    "Clip",
    "LayerNormalization",
    "GlobalAveragePool",
    "AveragePool",
    "InstanceNormalization",
    "Cast",
    "Shape",
    "ConstantOfShape",
    "Range",
    "Tile",
    "PRelu",
    "Pow",
    "Div",
    "TopK",
    "GatherElements",
    "ScatterElements",
    "OneHot",
    "DepthToSpace",
    "CumSum",
    "Identity",
    "Dropout",
    "Erf",
];
/// Attributes that a node is given.
const ATTRIBUTES: [&str; 10] =
    ["axis", "kernel_shape", "strides", "pads", "dilations", "group", "perm", "axes", "keepdims", "to"];

fn number(dice: &mut Dice) -> i64 {
    [0, 1, -1, 2, 3, 7, 1 << 20, i64::MAX, i64::MIN, 4][dice.roll(10)]
}

/// One random change of a network: other inputs, attributes, dimensions, operators.
fn mutate(proto: &mut ModelProto, dice: &mut Dice) {
    let graph = graph(proto);
    let names = graph.initializer.iter().filter_map(|t| t.name.clone());
    let values: Vec<String> =
        names.chain(graph.node.iter().flat_map(|n| n.output.clone())).chain(["x".to_owned(), String::new()]).collect();
    let (nodes, tensors) = (graph.node.len(), graph.initializer.len());
    let node = &mut graph.node[dice.roll(nodes)];
    match dice.roll(7) {
        0 => node.op_type = Some(OPERATORS[dice.roll(OPERATORS.len())].into()),
        1 => {
            let at = dice.roll(node.input.len() + 1);
            node.input.insert(at, values[dice.roll(values.len())].clone());
        }
        2 if !node.input.is_empty() => {
            let at = dice.roll(node.input.len());
            node.input[at].clone_from(&values[dice.roll(values.len())]);
        }
        3 if !node.input.is_empty() => {
            node.input.remove(dice.roll(node.input.len()));
        }
        4 => change_attribute(node, dice),
        5 => node.output.push(format!("extra{}", dice.roll(1000))),
        _ => change_tensor(&mut graph.initializer[dice.roll(tensors)], dice),
    }
}

fn change_attribute(node: &mut NodeProto, dice: &mut Dice) {
    let mut attribute = AttributeProto { name: Some(ATTRIBUTES[dice.roll(10)].into()), ..AttributeProto::default() };
    if dice.roll(2) == 0 {
        (attribute.r#type, attribute.i) = (Some(2), Some(number(dice)));
    } else {
        attribute.r#type = Some(7);
        attribute.ints = (0..dice.roll(5)).map(|_| number(dice)).collect();
    }
    node.attribute.retain(|a| a.name != attribute.name);
    node.attribute.push(attribute);
}

fn change_tensor(tensor: &mut TensorProto, dice: &mut Dice) {
    if tensor.data_type == Some(7) {
        let count = tensor.raw_data.as_ref().map_or(0, |raw| raw.len() / 8);
        tensor.raw_data = Some((0..count).flat_map(|_| number(dice).to_le_bytes()).collect());
    } else if dice.roll(2) == 0 {
        tensor.dims.reverse();
    } else {
        let count: i64 = tensor.dims.iter().product();
        tensor.dims = vec![count];
    }
}

#[test]
fn random_changes_never_panic() {
    let sound = proto();
    let mut dice = Dice(2024);
    let mut accepted = 0;
    for _ in 0..4000 {
        let mut changed = sound.clone();
        for _ in 0..=dice.roll(4) {
            mutate(&mut changed, &mut dice);
        }
        let start = Instant::now();
        if let Ok(model) = Model::from_bytes(&changed.encode_to_vec()) {
            let mut options = TrainingOptions::new(SHAPE);
            if dice.roll(2) == 0 {
                options.batchnorm = BatchNormMode::Frozen;
            }
            if dice.roll(2) == 0 {
                options.lowering = Lowering::Swath;
            }
            accepted += usize::from(training_graph(&model, &options).is_ok());
            let _ = model.inspect();
            let _ = adapt(&model, &Adaptation { input_channels: Some(5), classes: Some(3), seed: 1 });
        }
        // A second on a quiet machine; others may take most of a busy one away.
        assert!(start.elapsed().as_secs_f64() < 5.0, "took {:?}", start.elapsed());
    }
    // Some changes are harmless; if all were refused, the rules would not have been reached.
    assert!(accepted > 100, "only {accepted} of the changed models were accepted");
}

#[test]
fn random_bytes_never_panic() {
    let sound = unet().to_bytes().unwrap();
    let mut dice = Dice(7);
    for _ in 0..4000 {
        let mut bytes = sound.clone();
        for _ in 0..=dice.roll(3) {
            let at = dice.roll(bytes.len());
            bytes[at] = dice.roll(256) as u8;
        }
        if let Ok(model) = Model::from_bytes(&bytes) {
            let _ = gradient_graph(&model, &TrainingOptions::new(SHAPE));
        }
    }
}
