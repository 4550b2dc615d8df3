//! Which module of the original network a node belongs to, from the names that both PyTorch exporters leave.

use crate::graph::Node;

/// Key under which the torch.export-based exporter leaves the chain of modules.
const NAME_SCOPES: &str = "pkg.torch.onnx.name_scopes";

/// Path of the node's module, `decoder.blocks.0.conv1.1`, where its exporter left it.
pub(crate) fn module_path(node: &Node) -> Option<String> {
    let scopes = node.metadata.iter().find(|(key, _)| key == NAME_SCOPES).map(|(_, value)| value);
    match scopes {
        Some(list) => from_scopes(list),
        None => from_node_name(&node.name),
    }
}

/// From `['', 'encoder', 'encoder.bn1', 'operator']`: the last module before the operator.
fn from_scopes(list: &str) -> Option<String> {
    let mut names = list.trim_start_matches('[').trim_end_matches(']').split(',').map(|s| s.trim().trim_matches('\''));
    names.next_back();
    names.next_back().filter(|path| !path.is_empty()).map(str::to_owned)
}

/// From `/decoder/blocks.0/conv1/conv1.1/BatchNormalization`: a part that continues the one before it (`conv1.1` after
/// `conv1`) takes its place.
fn from_node_name(name: &str) -> Option<String> {
    let mut parts: Vec<&str> = name.strip_prefix('/')?.split('/').collect();
    parts.pop();
    let mut path: Vec<&str> = Vec::new();
    for part in parts {
        if path.last().is_some_and(|last| part.strip_prefix(last).is_some_and(|rest| rest.starts_with('.'))) {
            path.pop();
        }
        path.push(part);
    }
    (!path.is_empty()).then(|| path.join("."))
}

/// A path without the `_1`, `_2` that tracing appends when a module is applied again.
pub(crate) fn without_repetition(path: &str) -> &str {
    match path.rsplit_once('_') {
        Some((stem, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traced_names_become_state_dict_paths() {
        let path = from_node_name("/decoder/blocks.0/conv1/conv1.1/BatchNormalization");
        assert_eq!(path.as_deref(), Some("decoder.blocks.0.conv1.1"));
        assert_eq!(
            from_node_name("/segmentation_head/segmentation_head.0/Conv").as_deref(),
            Some("segmentation_head.0")
        );
        assert_eq!(from_node_name("Identity_35"), None);
    }

    #[test]
    fn scopes_of_the_newer_exporter_are_read() {
        let list =
            "['', 'encoder', 'encoder.layer1', 'encoder.layer1.0', 'encoder.layer1.0.bn1', '_native_batch_norm_1']";
        assert_eq!(from_scopes(list).as_deref(), Some("encoder.layer1.0.bn1"));
        assert_eq!(from_scopes("['', 'add']"), None);
    }
}
