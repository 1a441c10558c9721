//! Panics that stay with what they happened to: caught where many messages are worked on side by side, and put into words.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Completes as `work` does; a panic in it becomes its text.
///
/// Whoever calls this keeps nothing that `work` may have left half done: what counts is in the journal.
///
/// # Errors
/// `work` panicked.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| text(panic.as_ref()))
}

/// Gives what `work` gives; a panic in it becomes its text. The same holds for whoever calls this.
///
/// # Errors
/// `work` panicked.
pub fn contained<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| text(panic.as_ref()))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use futures_util::stream::FuturesUnordered;

    use super::*;

    #[tokio::test]
    async fn a_panic_ends_its_own_work_and_not_what_is_polled_beside_it() {
        let one = |number: u32| async move {
            tokio::task::yield_now().await;
            assert!(number != 2, "number {number} goes wrong");
            number
        };
        let mut side_by_side: FuturesUnordered<_> = (1..=3).map(|number| caught(one(number))).collect();
        let mut ended = Vec::new();
        while let Some(end) = side_by_side.next().await {
            ended.push(end);
        }
        ended.sort();
        assert_eq!(ended, [Ok(1), Ok(3), Err("number 2 goes wrong".to_owned())]);
    }
}
