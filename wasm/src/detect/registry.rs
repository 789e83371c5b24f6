//! All signatures, in the order of their priority: magic numbers and exact lengths first, text start lines next,
//! plain structure after that, statistics and flow state last. A protocol is one file, or a part of its family's, and one
//! line here.

use super::Signature;
use super::{
    arp, bittorrent, coap, dhcp, diameter, dns, eapol, first_hop, flow_export, gre, gtp, icmp, ike, ipsec,
    l2tp, link_layer, multicast, netbios, ntp, openvpn, pfcp, pptp, ptp, radius, routing, sctp, snmp, ssh,
    syslog, tftp, wireguard,
};

/// The signatures; the place of one is its [`Label`](super::Label). At most 128.
pub static SIGNATURES: &[&Signature] = &[
    // Magic numbers and exact lengths.
    &dhcp::DHCP,
    &pptp::PPTP,
    &bittorrent::BITTORRENT,
    &openvpn::OPENVPN,
    &wireguard::WIREGUARD,
    &ike::IKEV2,
    &ike::IKEV1,
    &l2tp::L2TP,
    &gtp::GTP_U,
    &gtp::GTPV1_C,
    &gtp::GTPV2_C,
    &pfcp::PFCP,
    &radius::RADIUS,
    &diameter::DIAMETER,
    &snmp::SNMP,
    &netbios::NBNS,
    &netbios::NBDS,
    &flow_export::NETFLOW,
    &flow_export::IPFIX,
    &flow_export::SFLOW,
    &routing::BFD,
    &first_hop::HSRP,
    &ptp::PTP,
    // By the number of what carries them.
    &sctp::S1AP,
    &sctp::NGAP,
    &sctp::X2AP,
    &sctp::XNAP,
    &sctp::M3UA,
    &sctp::SUA,
    &sctp::M2PA,
    &sctp::M2UA,
    &sctp::IUA,
    &icmp::ICMP,
    &icmp::ICMPV6,
    &multicast::IGMP,
    &multicast::PIM,
    &routing::OSPF,
    &routing::EIGRP,
    &first_hop::VRRP,
    &gre::GRE,
    &ipsec::AH,
    &arp::ARP,
    &arp::RARP,
    &eapol::IEEE_802_1X,
    &link_layer::LLDP,
    &link_layer::CDP,
    &link_layer::STP,
    &link_layer::ETHERNET_CTP,
    &link_layer::LACP,
    &link_layer::SLOW_PROTOCOLS,
    &link_layer::PPPOE,
    &link_layer::LLC,
    // Text start lines.
    &ssh::SSH,
    &syslog::SYSLOG,
    &tftp::TFTP,
    // Structure.
    &dns::MDNS,
    &dns::LLMNR,
    &dns::DNS,
    &dhcp::DHCPV6,
    &dhcp::BOOTP,
    &ntp::NTP,
    &coap::COAP,
    // Statistics and flow state.
    &ipsec::ESP,
];

const _: () = assert!(SIGNATURES.len() <= 128);
