//! Merging of byte ranges: which blocks come with one request. Pure.

use std::ops::Range;

/// One request and the ranges (by position in the input) that it brings.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) range: Range<u64>,
    pub(super) members: Vec<usize>,
}

/// Groups ranges at most `gap` bytes apart into requests of at most `max` bytes; a range larger than `max` stands alone.
pub(super) fn merge(ranges: &[Range<u64>], gap: u64, max: u64) -> Vec<Request> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_by_key(|i| (ranges[*i].start, ranges[*i].end));
    let mut requests: Vec<Request> = Vec::new();
    for i in order {
        let range = &ranges[i];
        if let Some(last) = requests.last_mut() {
            let end = last.range.end.max(range.end);
            let is_near = range.start <= last.range.end.saturating_add(gap);
            if is_near && end - last.range.start <= max.max(last.range.end - last.range.start) {
                last.range.end = end;
                last.members.push(i);
                continue;
            }
        }
        requests.push(Request { range: range.clone(), members: vec![i] });
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn near_ranges_join_and_far_ones_do_not() {
        let merged = merge(&[100..200, 0..90, 1000..1100], 10, 1 << 20);
        assert_eq!(
            merged,
            [Request { range: 0..200, members: vec![1, 0] }, Request { range: 1000..1100, members: vec![2] }]
        );
    }

    #[test]
    fn a_request_stops_growing_at_its_bound() {
        let merged = merge(&[0..60, 60..120, 120..180], 0, 120);
        assert_eq!(merged.iter().map(|r| r.range.clone()).collect::<Vec<_>>(), [0..120, 120..180]);
    }

    proptest! {
        #[test]
        fn every_range_is_brought_once_and_whole(
            starts in prop::collection::vec((0u64..10_000, 1u64..500), 0..60),
            gap in 0u64..200,
            max in 1u64..2000,
        ) {
            let ranges: Vec<_> = starts.iter().map(|(start, len)| *start..start + len).collect();
            let merged = merge(&ranges, gap, max);
            let mut members: Vec<usize> = merged.iter().flat_map(|r| r.members.clone()).collect();
            members.sort_unstable();
            prop_assert_eq!(members, (0..ranges.len()).collect::<Vec<_>>());
            for request in &merged {
                let longest = request.members.iter().map(|i| ranges[*i].end - ranges[*i].start).max().unwrap_or(0);
                prop_assert!(request.range.end - request.range.start <= max.max(longest));
                for i in &request.members {
                    prop_assert!(request.range.start <= ranges[*i].start && ranges[*i].end <= request.range.end);
                }
            }
        }
    }
}
