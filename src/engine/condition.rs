//! How controllers write conditions (`pkg/api/util/conditions.go`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{Condition, ConditionStatus};

/// Puts a condition in the place of the one of its type. The transition time moves only with the status, never with
/// reason or message. Says whether anything changed.
pub fn set<T: PartialEq, R: PartialEq>(
    conditions: &mut Vec<Condition<T, R>>,
    mut condition: Condition<T, R>,
    now: &Time,
) -> bool {
    condition.last_transition_time = Some(now.clone());
    let Some(old) = conditions.iter_mut().find(|old| old.type_ == condition.type_) else {
        conditions.push(condition);
        return true;
    };
    if old.status == condition.status {
        condition.last_transition_time.clone_from(&old.last_transition_time);
    }
    if *old == condition {
        return false;
    }
    *old = condition;
    true
}

/// A condition to be [`set`].
pub fn new<T, R>(type_: T, status: ConditionStatus, reason: R, message: impl Into<String>) -> Condition<T, R> {
    Condition {
        type_,
        status,
        reason: Some(reason),
        message: message.into(),
        last_transition_time: None,
        observed_generation: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time(jiff::Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn the_transition_time_moves_with_the_status_alone() {
        let mut conditions = Vec::new();
        let condition = |status, message: &str| new("Ready", status, "Why", message);
        assert!(set(&mut conditions, condition(ConditionStatus::False, "a"), &at(1)));
        assert!(!set(&mut conditions, condition(ConditionStatus::False, "a"), &at(2)));
        assert!(set(&mut conditions, condition(ConditionStatus::False, "b"), &at(3)));
        assert_eq!(conditions[0].last_transition_time, Some(at(1)));
        assert!(set(&mut conditions, condition(ConditionStatus::True, "b"), &at(4)));
        assert_eq!((conditions.len(), conditions[0].last_transition_time.clone()), (1, Some(at(4))));
    }
}
