//! What the engine counts, since it was created.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters; each only grows. Their names are those of the fields.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Names of the counters, in the order of [`Counters::values`].
            pub const NAMES: [&'static str; [$(stringify!($name)),*].len()] = [$(stringify!($name)),*];

            /// Values in the order of [`Counters::NAMES`].
            pub fn values(&self) -> [u64; Self::NAMES.len()] {
                [$(self.$name),*]
            }
        }
    };
}

counters! {
    /// Packets read.
    packets,
    /// Captured bytes of these packets.
    bytes,
    /// Packets kept.
    kept,
    /// Captured bytes of these packets.
    kept_bytes,
    /// Packets that the operator's BPF expression rejected (capture files only; live, the kernel does it).
    rejected_by_bpf,
    /// Packets of a link type that the BPF expression could not be compiled for.
    rejected_without_bpf_program,
    /// Packets outside the mode's protocol.
    rejected_by_mode,
    /// Packets that no filter asked for.
    rejected_by_filters,
    /// Later IP fragments whose first fragment was not kept, or not seen.
    rejected_fragments,
    /// Inputs that are no capture.
    refused_inputs,
    /// Records that the end of their file cut off.
    truncated_records,
    /// Records longer than their file's snapshot length; kept.
    over_snaplen_records,
    /// Records with impossible lengths.
    bad_records,
    /// pcapng blocks with impossible lengths.
    bad_blocks,
    /// pcapng packets of interfaces that the file does not describe.
    unknown_interfaces,
    /// Bytes of capture files passed over to find the next record.
    skipped_bytes,
    /// Packets of a link type that the engine does not decode.
    unknown_link_types,
    /// Packets whose record, IP, UDP or TCP lengths contradict what was captured.
    bad_lengths,
    /// Packets of which nothing was captured.
    empty_packets,
    /// Packets that the wire contract cannot carry, because of their link type.
    unsendable_link_types,
    /// Packets that the capture file cannot hold, because it began with another link type.
    unwritable_link_types,
    /// DNS messages read.
    dns_messages,
    /// DNS messages that were read only in part: cut short, or malformed.
    dns_partial,
    /// DNS responses matched to their query.
    dns_correlated,
    /// Queries that were pushed out of the table of pending ones.
    dns_query_evictions,
    /// Domains that were pushed out of the tunnelling table.
    dns_domain_evictions,
    /// Fragmented datagrams that were pushed out of the table of those that were not reassembled.
    fragment_evictions,
    /// IP fragments that became part of a datagram; the datagram takes their place.
    fragments_merged,
    /// Datagrams rebuilt from fragments.
    datagrams_rebuilt,
    /// IP fragments whose datagram was not completed, for want of others, of time or of room; kept as they are.
    fragments_given_up,
    /// IPv4 fragments that overlap others, and IPv6 datagrams that were given up because their fragments do.
    fragment_overlaps,
    /// IP fragments that came again; left out.
    fragment_duplicates,
    /// TCP segments that were read as parts of a stream; the messages of the stream take their place.
    stream_segments,
    /// Messages of streams that take the place of segments.
    stream_messages,
    /// SIP messages read.
    sip_messages,
    /// SIP messages that are beyond reading.
    sip_refused,
    /// SIP messages of streams, too long for a frame, whose packets were shortened.
    sip_shortened,
    /// Calls that began.
    calls_begun,
    /// Calls that ended after a filter had asked for them.
    calls_ended,
    /// Calls that ended without a filter that asked for them.
    calls_unmatched,
    /// Calls that gave way to others.
    calls_evicted,
    /// Calls without signalling that became part of another, and those that the engine of another thread counts, which saw them
    /// begin, too.
    calls_merged,
    /// Announcements of a media endpoint that another call had, too.
    calls_sharing_endpoints,
    /// Packets of calls that a filter asked for too late: they had found no room to wait in.
    call_buffer_full,
    /// Packets inside tunnels.
    tunnelled_packets,
    /// Packets that go out as the Ethernet frame that was in a VXLAN tunnel.
    vxlan_decapsulated,
    /// Packets whose ESP encapsulation without encryption was taken off.
    esp_null_decapsulated,
    /// Flows displaced by others.
    flow_evictions,
    /// Flows whose protocol was recognised.
    detected_flows,
    /// Holes in TCP streams that were passed over.
    reassembly_gaps,
    /// Bytes of TCP streams that are missing there.
    reassembly_skipped_bytes,
    /// Bytes of TCP streams that were dropped for want of room.
    reassembly_discarded_bytes,
    /// TCP streams that gave way to others.
    reassembly_evictions,
    /// Entries of detection that gave way to others: announced endpoints, hellos and requests in the making, ESP
    /// associations, SIP streams and media that are not known yet.
    detection_evictions,
    /// Addresses that gave way to others in the list of those with most traffic.
    talker_evictions,
    /// Packets of received batches that are no protobuf message.
    bad_batch_packets,
}
