//! Which hosts are private: those of loopback, link-local and local networks, by their address and not by their name.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// What was found out of hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<HashMap<String, bool>>);

impl Hosts {
    /// Whether a host, or any address that its name has now, is private. A name without address is public: asking it fails.
    pub(super) async fn is_private(&self, url: &Url) -> bool {
        let name = match url.host() {
            None => return true,
            Some(Host::Ipv4(address)) => return is_private(address.into()),
            Some(Host::Ipv6(address)) => return is_private(address.into()),
            Some(Host::Domain(name)) => name.to_owned(),
        };
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return *known;
        }
        let port = url.port_or_known_default().unwrap_or(80);
        let found = tokio::net::lookup_host((name.as_str(), port)).await;
        let private = found.is_ok_and(|mut addresses| addresses.any(|address| is_private(address.ip())));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name, private);
        private
    }
}

/// A resolver that gives no private address, so that a name cannot change its meaning between being checked and asked.
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| !is_private(address.ip())).collect();
            if public.is_empty() {
                return Err(std::io::Error::other("its addresses are of a private network").into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address is of this machine, this link or a network without names of its own in the world.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => {
            if let Some(mapped) = address.to_ipv4_mapped() {
                return is_private_v4(mapped);
            }
            let [first, ..] = address.segments();
            address.is_loopback() || address.is_unspecified() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || a == 0
        || (a == 100 && b & 0xc0 == 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_private_networks_are_known_in_every_form() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(text.parse().unwrap()), "{text}");
        }
        for text in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111"] {
            assert!(!is_private(text.parse().unwrap()), "{text}");
        }
    }
}
