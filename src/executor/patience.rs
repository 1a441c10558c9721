//! How long the executor waits, and for what.

use std::time::Duration;

/// The executor's waiting times. The defaults are what a live tenant needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Pauses between attempts that had no effect; the last one repeats.
    pub retries: Vec<Duration>,
    /// Pauses between posts to an endpoint that had no effect; the last one repeats. The schedule of Standard Webhooks 1.0.0, 75 hours.
    pub posts: Vec<Duration>,
    /// Pauses in which an endpoint that is down is left alone; the last one repeats.
    pub endpoint_pauses: Vec<Duration>,
    /// Pauses between looks at a send whose outcome is unknown; the last one repeats.
    pub looks: Vec<Duration>,
    /// A message that cannot be found is looked for once more after this long: lookups fail in passing.
    pub look_again: Duration,
    /// A draft that is untouched and unsent this long after an unclear send was not sent: it may be sent once more.
    pub settle: Duration,
    /// What is unclear this long is parked.
    pub give_up: Duration,
    /// A remote that cannot be reached for this long is given up for the action, which is rejected for a person to retry.
    pub lifetime: Duration,
    /// How long mail that was accepted for delivery may take to appear in Sent Items before a person is told.
    pub confirm: Duration,
    /// How late the service's index may be: only after so long does "not found" mean anything.
    pub index: Duration,
    /// The longest wait before the journal is asked again: a person's word arrives without ringing our bell.
    pub idle: Duration,
    /// Pause after an answer that means that the configuration is wrong (401, 403): nothing changes by asking often.
    pub configuration: Duration,
    /// How long a lease on a mailbox lasts when it is not renewed; it is renewed after a third of that.
    pub lease: Duration,
    /// So long before its end nothing is begun by it any more: the clocks of two machines differ.
    pub lease_margin: Duration,
    /// How long a new claim on a mailbox lies there, for others to see, before it holds.
    pub lease_settle: Duration,
    /// The longest pause before a mailbox that another process holds is looked at again.
    pub lease_look: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = |list: &[u64]| list.iter().copied().map(Duration::from_secs).collect();
        Self {
            retries: seconds(&[5, 30, 120, 600, 1_800, 7_200]),
            posts: seconds(&[5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]),
            endpoint_pauses: crate::endpoints::PAUSES.to_vec(),
            looks: seconds(&[5, 15, 60, 180, 600, 900]),
            look_again: Duration::from_secs(5),
            settle: Duration::from_hours(1),
            give_up: Duration::from_hours(1),
            lifetime: Duration::from_hours(120),
            confirm: Duration::from_hours(24),
            index: Duration::from_mins(15),
            idle: Duration::from_secs(1),
            configuration: Duration::from_mins(5),
            lease: Duration::from_mins(3),
            lease_margin: Duration::from_mins(1),
            lease_settle: Duration::from_secs(5),
            lease_look: Duration::from_secs(15),
        }
    }
}

impl Patience {
    /// The pause after so many failures in a row, from 1.
    pub fn retry(&self, failures: u32) -> Duration {
        nth(&self.retries, failures.saturating_sub(1))
    }

    /// The pause after so many failures of a post in a row, from 1.
    pub fn post(&self, failures: u32) -> Duration {
        nth(&self.posts, failures.saturating_sub(1))
    }

    /// The pause after look number `look`, from 0.
    pub fn look(&self, look: u32) -> Duration {
        nth(&self.looks, look)
    }
}

fn nth(pauses: &[Duration], position: u32) -> Duration {
    let position = usize::try_from(position).unwrap_or(usize::MAX);
    pauses.get(position).or(pauses.last()).copied().unwrap_or(Duration::from_mins(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_tried_for_three_days_before_the_pauses_repeat() {
        let patience = Patience::default();
        let all: Duration = patience.posts.iter().sum();
        assert_eq!(all, Duration::from_mins(75 * 60 + 35) + Duration::from_secs(5));
        assert_eq!([1, 2, 9, 10, 1_000].map(|failures| patience.post(failures).as_secs()), [5, 300, 86_400, 86_400, 86_400]);
    }
}
