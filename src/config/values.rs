//! Single values: durations, addresses, networks, and the word that was probably meant.

use std::net::IpAddr;
use std::time::Duration;

/// `500ms`, `60s`, `5m`, `24h`, `7d`; more than nothing.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration; write a number and ms, s, m, h or d: \"60s\"");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let count: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let unit_ms = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let ms = count.checked_mul(unit_ms).filter(|ms| (1..=366 * 86_400_000).contains(ms));
    ms.map(Duration::from_millis).ok_or_else(|| format!("`{text}` must be more than nothing and at most 366d"))
}

/// Whether a text is a network like `10.1.0.0/16` or a single address.
pub(super) fn is_network(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let widest = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|prefix| prefix.parse::<u32>().is_ok_and(|prefix| prefix <= widest))
}

/// `local@domain`, without blanks.
pub(super) fn is_mail_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty()) && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        let read = |text: &str| duration(text).ok().map(|span| span.as_millis());
        assert_eq!(["500ms", "1s", "5m", "24h", "7d"].map(read), [500, 1000, 300_000, 86_400_000, 604_800_000].map(Some));
        assert_eq!(["60", "s", "0s", "1.5s", "-1s", "99999999999999999999s", "999999d", "5 m"].map(read), [None; 8]);
    }

    #[test]
    fn networks_are_recognised() {
        assert_eq!(["10.1.0.0/16", "fd00::/8", "10.0.0.1"].map(is_network), [true; 3]);
        assert_eq!(["10.1/16", "10.0.0.0/33", "erp", ""].map(is_network), [false; 4]);
    }
}
