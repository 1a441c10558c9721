//! What is next for one message: a pure choice.

use std::ops::Range;

use crate::journal::{Status, Turn};
use crate::plan::Action;

/// What is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Perform these actions with one call: one action, or neighbours that one PATCH carries.
    Perform(Range<usize>),
    /// Find out about an action whose outcome is unknown.
    Verify(usize),
    /// Nothing now: settled, waiting for its time, or held back by one that a person must see to.
    Nothing,
}

/// Chooses by order and time alone: the first action that is not done is performed before all others. What is unclear is looked at when
/// its time has come, wherever it stands: neighbours that one call carried can part afterwards.
pub(super) fn next(turn: &Turn, now: i64) -> Next {
    let Some(first) = turn.actions.first() else { return Next::Nothing };
    let unclear = |action: &crate::journal::ActionRow| action.status == Status::Unclear && action.due_at <= now;
    match (turn.actions.iter().position(unclear), first.status) {
        (Some(0), _) => Next::Verify(0),
        (_, Status::Due | Status::Deferred) if first.due_at <= now => Next::Perform(0..patch_length(turn, now).max(1)),
        (Some(position), _) => Next::Verify(position),
        _ => Next::Nothing,
    }
}

/// How many actions from the first on one PATCH can carry.
fn patch_length(turn: &Turn, now: i64) -> usize {
    let together = |action: &&crate::journal::ActionRow| {
        is_patch(&action.planned.action)
            && matches!(action.status, Status::Due | Status::Deferred)
            && action.due_at <= now
            && action.planned.withheld.is_none()
    };
    turn.actions.iter().take_while(together).count()
}

/// Whether Graph does it by PATCH of the message.
pub(super) fn is_patch(action: &Action) -> bool {
    matches!(
        action,
        Action::Categorise { .. }
            | Action::Uncategorise { .. }
            | Action::MarkRead
            | Action::MarkUnread
            | Action::Flag(_)
            | Action::SetImportance { .. }
    )
}

/// Whether it goes to an endpoint: everything else is a call to Graph.
pub(super) fn is_post(action: &Action) -> bool {
    matches!(action, Action::Post { .. } | Action::PostEach { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{ActionRow, Row};
    use crate::plan::PlannedAction;

    fn action(ordinal: usize, action: Action, status: Status) -> ActionRow {
        ActionRow {
            id: format!("{ordinal}").as_str().into(),
            ordinal,
            planned: PlannedAction { rule: "10-a".into(), action, withheld: None },
            status,
            step: None,
            progress: serde_json::Value::Null,
            attempt: 0,
            failures: 0,
            looks: 0,
            unclear_at: None,
            due_at: 100,
            since: 0,
        }
    }

    fn turn(actions: Vec<ActionRow>) -> Turn {
        Turn {
            row: Row(1),
            mailbox: "invoices".into(),
            envelope: crate::mail::Envelope::default(),
            changed_at: 0,
            rule_set: "7f".into(),
            actions,
            results: std::collections::BTreeMap::new(),
            doubt: None,
            has_changed_message: false,
        }
    }

    fn category() -> Action {
        Action::Categorise { names: vec!["Invoice".into()] }
    }

    fn moved() -> Action {
        Action::Move { folder: "Done".into() }
    }

    #[test]
    fn neighbours_that_one_patch_carries_go_together() {
        let three = turn(vec![
            action(0, category(), Status::Due),
            action(1, Action::MarkRead, Status::Due),
            action(2, moved(), Status::Due),
        ]);
        assert_eq!(next(&three, 100), Next::Perform(0..2));
        assert_eq!(next(&three, 99), Next::Nothing);
    }

    #[test]
    fn an_action_that_a_person_must_see_to_holds_back_those_after_it() {
        for status in [Status::Rejected, Status::Parked, Status::Running] {
            let held = turn(vec![action(0, moved(), status), action(1, category(), Status::Due)]);
            assert_eq!(next(&held, 100), Next::Nothing);
        }
    }

    #[test]
    fn an_unclear_action_is_looked_at_while_the_one_before_it_waits_for_its_time() {
        let waits = ActionRow { due_at: 900, ..action(0, category(), Status::Due) };
        let parted = turn(vec![waits, action(1, Action::MarkRead, Status::Unclear), action(2, moved(), Status::Due)]);
        assert_eq!(next(&parted, 100), Next::Verify(1));
        let looked_at =
            turn(vec![ActionRow { due_at: 900, ..action(0, category(), Status::Due) }, action(1, moved(), Status::Due)]);
        assert_eq!(next(&looked_at, 100), Next::Nothing);
    }

    #[test]
    fn an_unclear_action_is_verified_before_anything_else() {
        let unclear = turn(vec![action(0, moved(), Status::Unclear), action(1, category(), Status::Due)]);
        assert_eq!(next(&unclear, 100), Next::Verify(0));
    }
}
