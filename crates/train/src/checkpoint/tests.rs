use std::borrow::Cow;

use swath_autodiff::Role;

use super::*;

fn tensors<'a>(w: &'a [f32], m: &'a [f32]) -> Vec<StateValue<'a>> {
    let value = |name, role, shape, values| StateValue { name, role, shape, values: Cow::Borrowed(values) };
    vec![value("w", Role::Parameter, &[2, 2][..], w), value("m/w", Role::Moment, &[2, 2][..], m)]
}

fn entries(store: &CheckpointStore) -> Vec<String> {
    let entries = fs::read_dir(store.folder()).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_was_saved_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::new(folder.path().join("checkpoints"));
    assert!(store.load::<u32>(Mark::Last).unwrap().is_none());
    let w = [1.0, -0.0, f32::MIN_POSITIVE / 2.0, f32::from_bits(0x7f7f_ffff)];
    let m = [0.1, 0.2, 0.3, 0.4];
    store.save(7, &tensors(&w, &m), &"seed 3", &[Mark::Last]).unwrap();
    let read = store.load::<String>(Mark::Last).unwrap().unwrap();
    assert_eq!((read.step, read.state.as_str()), (7, "seed 3"));
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let by_name: HashMap<_, _> = read.named().collect();
    assert_eq!(bits(by_name["w"]), bits(&w));
    assert_eq!(bits(by_name["m/w"]), bits(&m));
    assert!(read.tensors.iter().all(|tensor| tensor.shape == [2, 2]));
    assert!(store.load::<String>(Mark::Best).unwrap().is_none());
}

#[test]
fn only_marked_checkpoints_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::new(folder.path());
    let save =
        |step: u64, marks: &[Mark]| store.save(step, &tensors(&[step as f32; 4], &[0.0; 4]), &(), marks).unwrap();
    save(1, &[Mark::Last]);
    save(2, &[Mark::Best, Mark::Last]);
    save(3, &[Mark::Last]);
    assert_eq!(entries(&store), ["best.json", "last.json", "step-00000002", "step-00000003"]);
    save(3, &[Mark::Last]);
    assert_eq!(entries(&store), ["best.json", "last.json", "step-00000002", "step-00000003.2"], "a step once more");
    assert_eq!(store.load::<()>(Mark::Best).unwrap().unwrap().step, 2);
    assert_eq!(store.load::<()>(Mark::Last).unwrap().unwrap().step, 3);
}

#[test]
fn what_a_killed_process_left_is_passed_over_and_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::new(folder.path());
    store.save(1, &tensors(&[1.0; 4], &[0.0; 4]), &(), &[Mark::Last]).unwrap();
    // Killed while writing the next, killed before its mark was set, killed while writing the mark.
    fs::create_dir(folder.path().join(".writing-step-00000002")).unwrap();
    fs::write(folder.path().join(".writing-step-00000002").join(TENSORS), b"half").unwrap();
    fs::create_dir(folder.path().join("step-00000003")).unwrap();
    fs::write(folder.path().join(".writing-last.json"), b"{\"st").unwrap();
    assert_eq!(store.load::<()>(Mark::Last).unwrap().unwrap().step, 1);
    store.save(2, &tensors(&[2.0; 4], &[0.0; 4]), &(), &[Mark::Last]).unwrap();
    assert_eq!(entries(&store), ["last.json", "step-00000002"]);
}

#[test]
fn a_damaged_checkpoint_is_refused_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::new(folder.path());
    store.save(1, &tensors(&[1.0; 4], &[0.0; 4]), &(), &[Mark::Last]).unwrap();
    let path = store.tensors_path(Mark::Last).unwrap().unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in [0, 7, 20, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        let error = store.load::<()>(Mark::Last).unwrap_err();
        assert!(matches!(&error, TrainError::Checkpoint { path: at, .. } if *at == path), "{error}");
    }
    // A header that claims 2^63 bytes.
    fs::write(&path, [&(1_u64 << 63).to_le_bytes()[..], &whole[8..]].concat()).unwrap();
    assert!(store.load::<()>(Mark::Last).is_err());

    fs::write(&path, &whole).unwrap();
    let state = folder.path().join("step-00000001").join(STATE);
    fs::write(&state, r#"{"format": 2, "news": true}"#).unwrap();
    let error = store.load::<()>(Mark::Last).unwrap_err().to_string();
    assert!(error.contains("its format is 2, this version reads 1"), "{error}");
    fs::write(folder.path().join("last.json"), r#"{"step": 1, "folder": "../elsewhere"}"#).unwrap();
    let error = store.load::<()>(Mark::Last).unwrap_err().to_string();
    assert!(error.contains("no folder of this store"), "{error}");
}

#[test]
fn a_disk_that_refuses_is_told_once_and_by_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::new(folder.path());
    let missing = folder.path().join(".writing-step-00000001").join(TENSORS);
    let error = store.write_tensors(&missing, &tensors(&[1.0; 4], &[0.0; 4])).unwrap_err();
    let told = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert!(told.starts_with(&format!("could not write a checkpoint in {}: ", folder.path().display())), "{told}");
    assert!(told.ends_with(&std::io::ErrorKind::NotFound.to_string()), "{told}");
}
