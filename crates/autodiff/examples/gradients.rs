//! Writes the forward-and-backward graph of a network: `gradients MODEL.onnx --batch N --size HxW -o OUT.onnx`
//! with `--ignore VALUE`, `--batchnorm train|frozen`, `--freeze PATTERN` and `--plain` (standard operators only), as `swath gradients` takes them.

use swath_autodiff::{BatchNormMode, Lowering, Model, TrainingOptions, gradient_graph};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (mut model, mut out, mut batch, mut size) = (None, None, 1, (256, 256));
    let mut options = TrainingOptions { lowering: Lowering::Swath, ..TrainingOptions::new([1, 3, 256, 256]) };
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--loss" if value()? == "cross-entropy" => {}
            "--ignore" => options.ignore_index = Some(value()?.parse()?),
            "--batchnorm" if value()? == "frozen" => options.batchnorm = BatchNormMode::Frozen,
            "--batchnorm" => {}
            "--plain" => options.lowering = Lowering::Plain,
            "--freeze" => options.freeze.push(value()?),
            "--batch" => batch = value()?.parse()?,
            "--size" => {
                let text = value()?;
                let (h, w) = text.split_once('x').ok_or("--size is HxW")?;
                size = (h.parse()?, w.parse()?);
            }
            "-o" => out = Some(value()?),
            _ => model = Some(arg),
        }
    }
    let model = Model::load(model.ok_or("which model?")?)?;
    options.input_shape = [batch, model.inspect()?.bands, size.0, size.1];
    gradient_graph(&model, &options)?.save(out.ok_or("-o is missing")?)?;
    Ok(())
}
