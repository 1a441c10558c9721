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

/// Whether somebody said our secret. Every byte is looked at whatever the first ones say, so that time tells nothing.
pub fn same_secret(ours: &str, theirs: &str) -> bool {
    ours.len() == theirs.len() && ours.bytes().zip(theirs.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// An address that secrets may be sent to: https, or http to this machine by its very spelling, and no credentials in it. An IP address
/// is written as it is: one in disguise (`0x7f.1`, `2130706433`, `[::ffff:10.0.0.1]`) is nobody's word for it.
///
/// # Errors
/// What is wrong with it, in words.
pub fn service_url(text: &str) -> Result<Url, String> {
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        let shown = text.escape_debug();
        return Err(format!("`{shown}` holds a blank, a control character or a backslash, which no address has"));
    }
    let url = Url::parse(text).map_err(|why| format!("`{text}` is no URL: {why}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user name or password; secrets are never written there".to_owned());
    }
    if url.fragment().is_some() {
        return Err(format!("`{text}` has a fragment (`#`), which is never sent; take it out"));
    }
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    if !is_plainly_written(text, host, address) {
        return Err(format!("`{text}` leads to the host `{host}`, which is not what is written there; write `{host}`"));
    }
    if let Some(address) = address.filter(|address| leads_nowhere(*address)) {
        return Err(format!("`{text}` leads to {address}, which is no address of a service; an IPv4 address is written as such"));
    }
    let this_machine = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if this_machine => Ok(url),
        _ => Err(format!("`{text}` must be https; plain http is for loopback addresses only")),
    }
}

/// Whether the host is written as it is understood, up to the case of letters and the forms of an IPv6 address.
fn is_plainly_written(text: &str, host: &str, address: Option<IpAddr>) -> bool {
    let authority = text.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let bracket = authority.rfind(']').map_or(0, |end| end + 1);
    let port = authority[bracket..].find(':').map_or(authority.len(), |colon| bracket + colon);
    let written = &authority[..port];
    match address {
        Some(address) => written.trim_start_matches('[').trim_end_matches(']').parse() == Ok(address),
        None => written.eq_ignore_ascii_case(host),
    }
}

/// Unspecified, multicast and broadcast addresses, and IPv4 addresses in IPv6 clothes (mapped, compatible, NAT64, 6to4).
fn leads_nowhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let compatible = segments[..6] == [0; 6] && !v6.is_loopback();
            let translated = segments[0] == 0x64 && segments[1] == 0xff9b || segments[0] == 0x2002;
            v6.is_multicast() || v6.to_ipv4_mapped().is_some() || compatible || translated
        }
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
