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
    /// It, or the token endpoint before it, does not accept our credentials (401, 403; its TLS refuses our certificate).
    Credentials,
    /// Its certificate is not good for its name; no call was made.
    Certificate,
    /// It is gone for good (410): it is not called again until a restart.
    Gone,
    /// The record does not fit the endpoint's `schema`; no call was made.
    Misfit,
    /// It was not called: it has failed so often that it is left alone for a while.
    LeftAlone,
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
        use FailureKind as K;
        // Settings that cannot work are found at the start; an endpoint that is no longer there is a person's to decide about.
        matches!(self.kind, K::RefusedAddress | K::Credentials | K::Certificate | K::Gone)
    }

    /// The endpoint itself is in trouble, whatever record is sent to it.
    pub(super) fn is_down(&self) -> bool {
        use FailureKind as K;
        matches!(self.kind, K::Credentials | K::Certificate | K::Unavailable | K::NoConnection | K::TimedOut | K::Interrupted)
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
        if let Some((kind, told)) = causes(&error).find_map(tls_trouble) {
            return Self::new(endpoint, kind, Verdict::Never, &told);
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

/// What a status means: the one table. "Unclear" is [`Verdict::Retry`] (after the wait it asks for) where our key is honoured, and
/// [`Verdict::Unknown`] elsewhere.
///
/// | status | kind | verdict |
/// |---|---|---|
/// | 2xx | - | done, whatever the answer says |
/// | 3xx | refused | never: redirects are not followed |
/// | 400, 404, 405, 406, 411 … 417, 422, other 4xx | refused | never |
/// | 401, 403 | credentials | never; the endpoint's actions wait for the administrator |
/// | 408 | timed out | unclear |
/// | 409 | busy | where our key is honoured, later: an earlier call with it is still worked on; elsewhere refused, never |
/// | 410 | gone | never; the endpoint is not called again, its actions wait |
/// | 425, 429 | busy | later, after the wait it asks for: nothing was begun (RFC 8470 §5.2, RFC 6585 §4) |
/// | 501, 505 | refused | never |
/// | 500, 502, 503, 504, other 5xx | unavailable | unclear |
/// | 1xx, 6xx and others | refused | never |
fn meaning(repeat: Repeat, status: u16, wait: Option<Duration>) -> (FailureKind, Verdict) {
    let later = wait.map_or(Verdict::Retry, Verdict::RetryAfter);
    match status {
        401 | 403 => (FailureKind::Credentials, Verdict::Never),
        408 => (FailureKind::TimedOut, repeat.unclear(wait)),
        409 if repeat == Repeat::Safe => (FailureKind::Busy, later),
        410 => (FailureKind::Gone, Verdict::Never),
        425 | 429 => (FailureKind::Busy, later),
        501 | 505 => (FailureKind::Refused, Verdict::Never),
        500..600 => (FailureKind::Unavailable, repeat.unclear(wait)),
        _ => (FailureKind::Refused, Verdict::Never),
    }
}

/// The TLS error that a cause is, or carries: an `io::Error` does not count what it carries among its sources.
fn carried<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(error);
    }
    carried(cause.downcast_ref::<std::io::Error>()?.get_ref()?)
}

/// What TLS says against the connection: the certificates are not right, on either side. No request was taken in.
fn tls_trouble(cause: &(dyn std::error::Error + 'static)) -> Option<(FailureKind, String)> {
    use rustls::{AlertDescription as Alert, CertificateError as Wrong, Error};
    let error = carried(cause)?;
    match error {
        Error::InvalidCertificate(wrong) => {
            let why = match wrong {
                Wrong::Expired | Wrong::ExpiredContext { .. } => "it has expired",
                Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => "it is not valid yet",
                Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => "it is for another host",
                Wrong::UnknownIssuer => "no trusted authority signed it; name your own authority in `ca`",
                Wrong::Revoked => "it was revoked",
                _ => "it cannot be verified",
            };
            Some((FailureKind::Certificate, format!("the server's certificate is refused: {why} ({error})")))
        }
        Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::HandshakeFailure
            | Alert::DecryptError
            | Alert::ProtocolVersion,
        ) => {
            Some((FailureKind::Credentials, format!("the server refuses our side of TLS ({error}); check `client_certificate`")))
        }
        _ => None,
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
            FailureKind::Credentials if self.status.is_some() => "check the endpoint's `auth`",
            FailureKind::Gone => "it is gone for good and not called again: correct the configuration and restart",
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
        // Every status that is no success, with the verdicts where the key is honoured and where it is not.
        for status in (100..200).chain(300..700) {
            let expected = match status {
                408 | 500 | 502..=504 | 506..=599 => [(Retry, RetryAfter(WAIT)), (Unknown, Unknown)],
                409 => [(Retry, RetryAfter(WAIT)), (Never, Never)],
                425 | 429 => [(Retry, RetryAfter(WAIT)); 2],
                _ => [(Never, Never); 2],
            };
            let [safe, not] = verdicts(status, None);
            let [safe_later, not_later] = verdicts(status, Some(WAIT));
            assert_eq!([(safe, safe_later), (not, not_later)], expected, "{status}");
        }
    }

    #[test]
    fn a_status_is_a_matter_of_the_record_the_endpoint_or_the_administrator() {
        let told = |status: u16| {
            let error = EndpointError::refused(&EndpointName::new("erp"), Repeat::Safe, status, (None, "no"));
            (error.is_configuration(), error.is_down())
        };
        for status in [301, 400, 404, 405, 406, 409, 413, 415, 422, 425, 429, 501, 505] {
            assert_eq!(told(status), (false, false), "{status}");
        }
        assert_eq!([401, 403].map(told), [(true, true); 2]);
        assert_eq!([408, 500, 502, 503, 504].map(told), [(false, true); 5]);
        assert_eq!(told(410), (true, false));
    }
}
