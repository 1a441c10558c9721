//! What every outgoing connection has in common: secrets, which addresses may be spoken to in the clear, one HTTP client.
//!
//! A leaf: `graph` and `endpoints` build on it and do not know each other.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{ClientBuilder, Url};

/// The longest wait that an answer can ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes the value.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// An address that secrets may be sent to: https, or http to this machine by its very spelling, and no credentials in it.
///
/// # Errors
/// What is wrong with it, in words.
pub fn service_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|why| format!("`{text}` is no URL: {why}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user name or password; secrets are never written there".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let this_machine = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if this_machine => Ok(url),
        _ => Err(format!("`{text}` must be https; plain http is for loopback addresses only")),
    }
}

/// An HTTP client: our TLS, no redirects, no proxy from the environment, no repeats of its own.
pub fn client() -> ClientBuilder {
    // Whoever comes first installs it for the process; a second try changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never())
        .referer(false)
        .user_agent(concat!("Postroom/", env!("CARGO_PKG_VERSION")))
}

/// `Retry-After` in seconds or as a date (RFC 9110 §10.2.3).
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Duration::try_from(jiff::fmt::rfc2822::parse(text).ok()?.timestamp().duration_since(now)).unwrap_or_default(),
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now: Timestamp = "2026-01-09T10:00:00Z".parse().unwrap();
        let read = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]), now);
        assert_eq!(read("17"), Some(Duration::from_secs(17)));
        assert_eq!(read("Fri, 09 Jan 2026 10:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Fri, 09 Jan 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let taken = |text: &str| service_url(text).map(|url| url.to_string());
        assert_eq!(taken("https://graph.microsoft.com/v1.0"), Ok("https://graph.microsoft.com/v1.0".to_owned()));
        assert_eq!(taken("http://127.0.0.1:8080/v1.0"), Ok("http://127.0.0.1:8080/v1.0".to_owned()));
        assert_eq!(taken("http://[::1]:1/v1.0"), Ok("http://[::1]:1/v1.0".to_owned()));
        let refusal = "`http://graph.contoso.com` must be https; plain http is for loopback addresses only";
        assert_eq!(taken("http://graph.contoso.com"), Err(refusal.to_owned()));
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
    }
}
