//! Whether a whole plan makes sense: a plan that contradicts itself is never guessed at.

use super::{Action, Plan};

/// Actions in one plan (`post_each` counts as one).
pub const ACTIONS_MAX: usize = 50;

/// Why a plan cannot be carried out as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// Two moves to different folders.
    #[error("two rules move the message: {first_rule} to `{first}`, {second_rule} to `{second}`")]
    TwoMoves {
        /// The earlier rule.
        first_rule: String,
        /// Its folder.
        first: String,
        /// The later rule.
        second_rule: String,
        /// Its folder.
        second: String,
    },
    /// Something that needs the message after it was deleted.
    #[error("{rule} wants to {action} after {deleting_rule} deletes the message")]
    AfterDelete {
        /// The later rule.
        rule: String,
        /// What it wants.
        action: String,
        /// The rule that deletes.
        deleting_rule: String,
    },
    /// A category both added and removed.
    #[error("category `{category}` is added by {adding_rule} and removed by {removing_rule}")]
    Category {
        /// The category.
        category: String,
        /// The rule that adds it.
        adding_rule: String,
        /// The rule that removes it.
        removing_rule: String,
    },
    /// Marked read and unread.
    #[error("{first_rule} marks the message read, {second_rule} unread")]
    ReadState {
        /// The rule that marks it read.
        first_rule: String,
        /// The rule that marks it unread.
        second_rule: String,
    },
    /// More than [`ACTIONS_MAX`] actions.
    #[error("{0} actions for one message; the limit is {ACTIONS_MAX}")]
    TooMany(usize),
}

/// Checks a whole plan.
///
/// # Errors
/// The first contradiction, with the rules that disagree.
pub fn check(plan: &Plan) -> Result<(), Contradiction> {
    if plan.actions.len() > ACTIONS_MAX {
        return Err(Contradiction::TooMany(plan.actions.len()));
    }
    for (position, later) in plan.actions.iter().enumerate() {
        for earlier in &plan.actions[..position] {
            let (first_rule, second_rule) = (earlier.rule.to_string(), later.rule.to_string());
            match (&earlier.action, &later.action) {
                (Action::Move { folder: first }, Action::Move { folder: second }) if !first.eq_ignore_ascii_case(second) => {
                    let (first, second) = (first.clone(), second.clone());
                    return Err(Contradiction::TwoMoves { first_rule, first, second_rule, second });
                }
                (Action::Delete, Action::Delete | Action::Post { .. } | Action::PostEach { .. } | Action::Send(_)) => {}
                (Action::Delete, action) => {
                    return Err(Contradiction::AfterDelete {
                        rule: second_rule,
                        action: action.to_string(),
                        deleting_rule: first_rule,
                    });
                }
                (Action::Categorise { names: added }, Action::Uncategorise { names: removed }) => {
                    if let Some(category) = shared(added, removed) {
                        return Err(Contradiction::Category { category, adding_rule: first_rule, removing_rule: second_rule });
                    }
                }
                (Action::Uncategorise { names: removed }, Action::Categorise { names: added }) => {
                    if let Some(category) = shared(added, removed) {
                        return Err(Contradiction::Category { category, adding_rule: second_rule, removing_rule: first_rule });
                    }
                }
                (Action::MarkRead, Action::MarkUnread) => return Err(Contradiction::ReadState { first_rule, second_rule }),
                (Action::MarkUnread, Action::MarkRead) => {
                    return Err(Contradiction::ReadState { first_rule: second_rule, second_rule: first_rule });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn shared(added: &[String], removed: &[String]) -> Option<String> {
    added.iter().find(|name| removed.contains(name)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{PlannedAction, Reply};

    fn plan(actions: &[(&str, Action)]) -> Plan {
        let planned =
            |(rule, action): &(&str, Action)| PlannedAction { rule: (*rule).into(), action: action.clone(), withheld: None };
        Plan { actions: actions.iter().map(planned).collect(), ..Plan::default() }
    }

    fn move_to(folder: &str) -> Action {
        Action::Move { folder: folder.to_owned() }
    }

    #[test]
    fn two_moves_name_both_rules() {
        let twice = plan(&[("10-a", move_to("A")), ("20-b", move_to("B"))]);
        let complaint = check(&twice).map_err(|why| why.to_string());
        assert_eq!(complaint, Err("two rules move the message: 10-a to `A`, 20-b to `B`".to_owned()));
        assert_eq!(check(&plan(&[("10-a", move_to("A")), ("20-b", move_to("a"))])), Ok(()));
    }

    #[test]
    fn nothing_but_posts_and_new_mail_after_a_delete() {
        let reply =
            plan(&[("10-a", Action::Delete), ("20-b", Action::Reply(Reply { template: "t.html".into(), ..Reply::default() }))]);
        let complaint = check(&reply).map_err(|why| why.to_string());
        assert_eq!(complaint, Err("20-b wants to reply t.html after 10-a deletes the message".to_owned()));
        let post = Action::Post { endpoint: "erp".into(), record: serde_json::Value::Null };
        assert_eq!(check(&plan(&[("10-a", Action::Delete), ("20-b", post)])), Ok(()));
    }

    #[test]
    fn a_category_is_not_added_and_removed() {
        let add = Action::Categorise { names: vec!["Invoice".into(), "Paid".into()] };
        let remove = Action::Uncategorise { names: vec!["Paid".into()] };
        let complaint = check(&plan(&[("10-a", remove), ("20-b", add)])).map_err(|why| why.to_string());
        assert_eq!(complaint, Err("category `Paid` is added by 20-b and removed by 10-a".to_owned()));
    }

    #[test]
    fn the_number_of_actions_is_limited() {
        let many: Vec<_> = (0..=ACTIONS_MAX).map(|_| ("10-a", Action::Categorise { names: vec!["x".into()] })).collect();
        assert_eq!(check(&plan(&many)), Err(Contradiction::TooMany(51)));
    }
}
