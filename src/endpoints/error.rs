//! What can go wrong with an endpoint, and what it means for the caller.

use std::fmt;
use std::time::Duration;

use super::addresses::RefusedAddress;
use crate::ids::EndpointName;
use crate::verdict::Verdict;

/// The kind of an [`EndpointError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No such endpoint, or settings that cannot work; no call was made.
    Settings,
    /// The name leads to an address that may not be called; no call was made.
    RefusedAddress,
    /// It does not accept our credentials (401, 403).
    Credentials,
    /// It refuses this record (4xx, 3xx).
    Refused,
    /// It is busy with the same key (409), or asks to come back later (425, 429, 503).
    Busy,
    /// It failed (5xx).
    Unavailable,
    /// No connection: nothing was sent.
    NoConnection,
    /// No answer in time.
    TimedOut,
    /// The connection broke.
    Interrupted,
    /// An answer that cannot be used.
    BadAnswer,
}

/// Why a call to an endpoint failed.
#[derive(Clone, Debug, thiserror::Error)]
pub struct EndpointError {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What it means for whoever has to go on.
    pub verdict: Verdict,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What happened, in words; the beginning of the answer where it has text.
    pub message: Box<str>,
}

/// Whether a repeat under the same key is safe at this endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It promises so, or the call changes nothing.
    Safe,
    /// A second call may have a second effect.
    Unsafe,
}

impl Repeat {
    /// The verdict on a call of which nobody knows whether it had its effect.
    fn unclear(self, wait: Option<Duration>) -> Verdict {
        match (self, wait) {
            (Self::Unsafe, _) => Verdict::Unknown,
            (Self::Safe, Some(wait)) => Verdict::RetryAfter(wait),
            (Self::Safe, None) => Verdict::Retry,
        }
    }
}

impl EndpointError {
    /// What the error means for whoever has to go on.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Nobody but an administrator can mend it: everything for this endpoint should wait.
    pub fn is_configuration(&self) -> bool {
        matches!(self.kind, FailureKind::Settings | FailureKind::RefusedAddress | FailureKind::Credentials)
            || self.status == Some(410)
    }

    pub(super) fn new(endpoint: &EndpointName, kind: FailureKind, verdict: Verdict, message: &str) -> Self {
        Self { endpoint: endpoint.clone(), kind, verdict, status: None, message: message.into() }
    }

    pub(super) fn settings(endpoint: &EndpointName, message: &str) -> Self {
        Self::new(endpoint, FailureKind::Settings, Verdict::Never, message)
    }

    pub(super) fn transport(endpoint: &EndpointName, repeat: Repeat, error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(refused) = causes(&error).find_map(|cause| cause.downcast_ref::<RefusedAddress>()) {
            return Self::new(endpoint, FailureKind::RefusedAddress, Verdict::Never, &refused.to_string());
        }
        let (kind, verdict) = match () {
            // The connector fails before a byte of the request is written.
            () if error.is_connect() => (FailureKind::NoConnection, Verdict::Retry),
            () if error.is_builder() => (FailureKind::Settings, Verdict::Never),
            () if error.is_timeout() => (FailureKind::TimedOut, repeat.unclear(None)),
            () => (FailureKind::Interrupted, repeat.unclear(None)),
        };
        let told = causes(&error).skip(1).fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        Self::new(endpoint, kind, verdict, &told)
    }

    pub(super) fn refused(endpoint: &EndpointName, repeat: Repeat, status: u16, (wait, text): (Option<Duration>, &str)) -> Self {
        let (kind, verdict) = meaning(repeat, status, wait);
        Self { status: Some(status), ..Self::new(endpoint, kind, verdict, text) }
    }
}

fn meaning(repeat: Repeat, status: u16, wait: Option<Duration>) -> (FailureKind, Verdict) {
    let later = wait.map_or(Verdict::Retry, Verdict::RetryAfter);
    match status {
        401 | 403 => (FailureKind::Credentials, Verdict::Never),
        408 => (FailureKind::TimedOut, repeat.unclear(wait)),
        // Where our key is honoured, a conflict is an earlier call with it that is still being worked on.
        409 if repeat == Repeat::Safe => (FailureKind::Busy, later),
        // Both say that nothing was begun (RFC 8470 §5.2, RFC 6585 §4).
        425 | 429 => (FailureKind::Busy, later),
        501 | 505 => (FailureKind::Refused, Verdict::Never),
        500.. => (FailureKind::Unavailable, repeat.unclear(wait)),
        _ => (FailureKind::Refused, Verdict::Never),
    }
}

/// The error and what caused it.
fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    let first: &'a (dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |cause| cause.source()).take(12)
}

impl fmt::Display for EndpointError {
    /// What, where, and what to do, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoint {}: ", self.endpoint)?;
        if let Some(status) = self.status {
            write!(f, "{status} ")?;
        }
        f.write_str(&self.message)?;
        let advice = match self.kind {
            FailureKind::Credentials => "check the endpoint's `auth`",
            FailureKind::Refused if self.status == Some(410) => "the endpoint is gone for good: take it out of the configuration",
            FailureKind::Refused if self.status.is_some_and(|status| (300..400).contains(&status)) => {
                "redirects are not followed: put the final address into `url`"
            }
            _ if self.verdict == Verdict::Unknown => "it may have arrived: look before any repeat",
            _ => return Ok(()),
        };
        write!(f, "; {advice}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use reqwest::dns::{Name, Resolve, Resolving};

    use super::*;

    struct Inside;

    impl Resolve for Inside {
        fn resolve(&self, name: Name) -> Resolving {
            let refused = RefusedAddress { name: name.as_str().to_owned(), address: [10, 0, 0, 1].into() };
            Box::pin(std::future::ready(Err(refused.into())))
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_a_matter_of_configuration() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().tls_certs_only([]).dns_resolver(Arc::new(Inside)).build().unwrap();
        let error = client.get("http://erp.contoso.com/").send().await.unwrap_err();
        let error = EndpointError::transport(&EndpointName::new("erp"), Repeat::Safe, error);
        assert_eq!((error.verdict(), error.is_configuration()), (Verdict::Never, true));
        let expected = "endpoint erp: `erp.contoso.com` resolves to 10.0.0.1, which is not a public address; \
                        if that is right, add its network to the endpoint's `allow`";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_status_means_what_the_contract_lets_it_mean() {
        use Verdict::{Never, Retry, RetryAfter, Unknown};
        const WAIT: Duration = Duration::from_secs(9);
        let verdicts = |status, wait| [Repeat::Safe, Repeat::Unsafe].map(|repeat| meaning(repeat, status, wait).1);
        for status in [301, 400, 401, 403, 404, 410, 413, 422, 501] {
            assert_eq!(verdicts(status, None), [Never, Never], "{status}");
        }
        assert_eq!(verdicts(409, None), [Retry, Never]);
        assert_eq!(verdicts(408, None), [Retry, Unknown]);
        assert_eq!(verdicts(425, None), [Retry, Retry]);
        assert_eq!(verdicts(429, Some(WAIT)), [RetryAfter(WAIT), RetryAfter(WAIT)]);
        assert_eq!(verdicts(500, None), [Retry, Unknown]);
        assert_eq!(verdicts(503, Some(WAIT)), [RetryAfter(WAIT), Unknown]);
    }
}
