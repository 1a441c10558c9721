//! Which addresses a name may lead to.
//!
//! A name is resolved once and the call goes to the very addresses that were checked, so that a second answer of the name
//! service cannot lead elsewhere. If one of them is not public, none is called, unless the configuration allows its
//! network. An address written out in the configuration is the administrator's own word and is not looked at here.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// An IP network, `10.1.0.0/16` or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.trim().parse().ok()?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(widest), |prefix| prefix.trim().parse().ok())?;
        (prefix <= widest).then_some(Self { address, prefix })
    }

    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, unmapped(address)) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// A name that leads where no call may go.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{name}` resolves to {address}, which is not a public address; if that is right, add its network to the endpoint's `allow`"
)]
pub(super) struct RefusedAddress {
    pub name: String,
    pub address: IpAddr,
}

/// The system's name service.
pub(super) struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Resolves names and refuses those that lead to other than public addresses. What it gives is what is connected to.
pub(super) struct CheckedResolver<Names> {
    /// Asked once for each connection.
    pub names: Names,
    /// Networks allowed to a host name in lower case.
    pub allowed: Arc<BTreeMap<String, Vec<Network>>>,
}

impl<Names: Resolve> Resolve for CheckedResolver<Names> {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        let host = name.as_str().to_ascii_lowercase();
        let resolving = self.names.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = resolving.await?.collect();
            let networks = allowed.get(&host).map_or(&[][..], Vec::as_slice);
            match found.iter().find(|found| !may_call(&host, found.ip(), networks)) {
                Some(refused) => Err(RefusedAddress { name: host, address: refused.ip() }.into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

fn may_call(name: &str, address: IpAddr, allowed: &[Network]) -> bool {
    // The one name that is this machine by definition (RFC 6761 §6.3), and then must be.
    if name == "localhost" {
        return address.is_loopback();
    }
    is_public(address) || allowed.iter().any(|network| network.contains(address))
}

/// Whether an address is one of the Internet at large (IANA special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match unmapped(address) {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    const OTHERS: [&str; 8] = [
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "255.255.255.255/32",
    ];
    let special = address.is_private() || address.is_loopback() || address.is_link_local() || address.is_documentation();
    !special && !within(&OTHERS, IpAddr::V4(address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Global unicast, without the parts that embed an IPv4 address or are for documentation and tests. The translated
    // networks 64:ff9b::/96 lie outside of 2000::/3.
    const OTHERS: [&str; 5] = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "3ffe::/16"];
    within(&["2000::/3"], IpAddr::V6(address)) && !within(&OTHERS, IpAddr::V6(address))
}

fn within(networks: &[&str], address: IpAddr) -> bool {
    networks.iter().filter_map(|network| Network::parse(network)).any(|network| network.contains(address))
}

/// An IPv4 address in IPv6 clothes counts as what it is.
fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let public = ["8.8.8.8", "20.190.128.1", "2606:4700::1111", "2a01:4f8::1"];
        let others = [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "0.0.0.0",
            "100.64.0.1",
            "169.254.169.254",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "ff02::1",
            "::ffff:10.0.0.1",
        ];
        let verdicts = |texts: &[&str]| texts.iter().map(|text| is_public(text.parse().unwrap())).collect::<Vec<_>>();
        assert_eq!(verdicts(&public), [true; 4]);
        assert_eq!(verdicts(&others), [false; 21]);
    }

    #[test]
    fn an_allowed_network_is_allowed_and_its_neighbour_is_not() {
        let allowed = [Network::parse("10.1.0.0/16").unwrap(), Network::parse("fd00::7").unwrap()];
        let may = |address: &str| may_call("erp.contoso.com", address.parse().unwrap(), &allowed);
        assert_eq!(
            ["10.1.255.1", "10.2.0.1", "fd00::7", "fd00::8", "::ffff:10.1.0.1"].map(may),
            [true, false, true, false, true]
        );
        assert_eq!(["10.0.0.0/33", "fd00::/129", "ten", "10.0.0.0/x"].map(Network::parse), [None; 4]);
        assert!(Network::parse("0.0.0.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn localhost_is_this_machine_or_nothing() {
        assert!(may_call("localhost", "127.0.0.1".parse().unwrap(), &[]));
        assert!(!may_call("localhost", "8.8.8.8".parse().unwrap(), &[]));
        assert!(!may_call("erp.contoso.com", "127.0.0.1".parse().unwrap(), &[]));
    }
}
