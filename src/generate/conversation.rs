//! A conversation, and the records that the interfaces on its way log of it.

use std::net::IpAddr;

use crate::generate::network::{Eni, Hop, route};
use crate::generate::record_encoder::{Record, Status};

pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ESP: u8 = 50;

const FIN: u8 = 1;
const SYN: u8 = 2;
const SYN_ACK: u8 = 18;

/// Aggregation interval in seconds: no record is longer.
pub(super) const INTERVAL_SECS: i64 = 60;

/// Index of the NAT gateway's interface in every world.
pub(super) const NAT_ENI: usize = 0;

/// One accepted conversation of an interface with an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conversation {
    /// Index of the interface.
    pub eni: usize,
    /// Index of the interface at the other end, if it is in the VPC.
    pub peer: Option<usize>,
    pub remote: IpAddr,
    pub local_port: u16,
    pub remote_port: u16,
    pub protocol: u8,
    /// Whether the remote end opened it.
    pub inbound: bool,
    pub start: i64,
    pub secs: i64,
    /// Packets and bytes sent, over all.
    pub sent: (u64, u64),
    /// Packets and bytes received, over all.
    pub received: (u64, u64),
}

impl Conversation {
    /// Returns a TCP conversation that `eni` opens.
    pub(super) fn tcp(eni: usize, local_port: u16, remote: IpAddr, remote_port: u16) -> Self {
        Self {
            eni,
            peer: None,
            remote,
            local_port,
            remote_port,
            protocol: TCP,
            inbound: false,
            start: 0,
            secs: 0,
            sent: (12, 2400),
            received: (10, 8200),
        }
    }

    /// Returns it with a time: `secs` seconds from `start`.
    pub(super) fn at(self, start: i64, secs: i64) -> Self {
        Self { start, secs, ..self }
    }

    /// Returns it with volumes: (packets, bytes) sent and received.
    pub(super) fn volume(self, sent: (u64, u64), received: (u64, u64)) -> Self {
        Self { sent, received, ..self }
    }
}

/// One end of a packet's way: address and port.
type End = (IpAddr, u16);

/// Returns an accepted record without flags, as the interface at its one end logs it.
pub(super) fn leg_record(eni: usize, egress: bool, protocol: u8, src: End, dst: End) -> Record {
    Record {
        eni,
        next_hop: None,
        src: src.0,
        dst: dst.0,
        src_port: src.1,
        dst_port: dst.1,
        protocol,
        packets: 1,
        bytes: 60,
        start: 0,
        end: 0,
        accept: true,
        status: Status::Ok,
        tcp_flags: 0,
        pkt_src: src.0,
        pkt_dst: dst.0,
        egress,
        path: None,
    }
}

/// Passes the records of a conversation to `sink`: for each interval those of the interface, of its peer in the
/// VPC, and of the NAT gateway if it passes through. A reply never starts before its request.
pub(super) fn emit(enis: &[Eni], talk: &Conversation, sink: &mut impl FnMut(Record)) {
    let intervals = (talk.secs + INTERVAL_SECS - 1).div_euclid(INTERVAL_SECS).max(1);
    for interval in 0..intervals {
        let (first, last) = (interval == 0, interval == intervals - 1);
        let start = talk.start + interval * INTERVAL_SECS;
        let end = (start + INTERVAL_SECS - 1).min(talk.start + talk.secs).max(start);
        let flags = |open: u8| match talk.protocol {
            TCP => (u8::from(first) * open) | (u8::from(last) * FIN),
            _ => 0,
        };
        let part = |(packets, bytes): (u64, u64)| {
            let parts = intervals.unsigned_abs();
            ((packets / parts).max(1), (bytes / parts).max(40))
        };
        let request = (start, flags(SYN));
        let reply = ((start + 1).min(end), flags(SYN_ACK));
        let (sent, received) = if talk.inbound { (reply, request) } else { (request, reply) };
        let side = |(start, tcp_flags): (i64, u8), (packets, bytes): (u64, u64)| {
            move |record: Record| Record { packets, bytes, start, end, tcp_flags, ..record }
        };
        let (sent, received) = (side(sent, part(talk.sent)), side(received, part(talk.received)));
        legs(enis, talk, sent, received, sink);
    }
}

fn legs(
    enis: &[Eni],
    talk: &Conversation,
    sent: impl Fn(Record) -> Record,
    received: impl Fn(Record) -> Record,
    sink: &mut impl FnMut(Record),
) {
    let Conversation { eni, remote, protocol, .. } = *talk;
    let hop = route(enis[eni].subnet, remote);
    let next_hop = if hop == Hop::Nat { Some(NAT_ENI) } else { talk.peer };
    let local = (enis[eni].addr_like(remote), talk.local_port);
    let far = (remote, talk.remote_port);
    let path = Some(hop.traffic_path());
    let out = Record { next_hop, path, ..leg_record(eni, true, protocol, local, far) };
    let back = Record { next_hop, ..leg_record(eni, false, protocol, far, local) };
    sink(sent(out));
    sink(received(back));
    if let Some(peer) = talk.peer {
        let next_hop = Some(eni);
        sink(sent(Record { next_hop, ..leg_record(peer, false, protocol, local, far) }));
        sink(received(Record {
            next_hop,
            path: Some(1),
            ..leg_record(peer, true, protocol, far, local)
        }));
    }
    if hop == Hop::Nat {
        let nat = IpAddr::V4(enis[NAT_ENI].addr);
        // The gateway keeps the interface's side under its own address and opens the other side from a
        // port of its own.
        let inside = (nat, talk.remote_port);
        let outside = (nat, 1024 + talk.local_port % 60000);
        let next_hop = Some(eni);
        let request = leg_record(NAT_ENI, false, protocol, local, inside);
        sink(sent(Record { next_hop, pkt_dst: remote, ..request }));
        sink(sent(Record { path: Some(8), ..leg_record(NAT_ENI, true, protocol, outside, far) }));
        sink(received(leg_record(NAT_ENI, false, protocol, far, outside)));
        let reply = leg_record(NAT_ENI, true, protocol, inside, local);
        sink(received(Record { next_hop, path: Some(1), pkt_src: remote, ..reply }));
    }
}
