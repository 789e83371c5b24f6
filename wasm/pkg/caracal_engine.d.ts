/* tslint:disable */
/* eslint-disable */

/**
 * The engine as JavaScript sees it: numbers, strings, and addresses in the module's memory.
 */
export class EngineHandle {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * So many milliseconds have gone by, though no packet may have come: what is over by then is ended.
     */
    advance(elapsed_ms: number): void;
    /**
     * Sender of the last batch; U+FFFD for what is not UTF-8.
     */
    batch_hunter_id(): string;
    /**
     * `[sequence, timestamp_ns, packets, bytes, total_captured, filtered_matched, dropped]` of the last batch.
     */
    batch_numbers(): BigUint64Array;
    /**
     * Empties the outputs.
     */
    clear_outputs(): void;
    /**
     * Names of the counters, separated by commas.
     */
    static counter_names(): string;
    /**
     * The counters, in the order of their names.
     */
    counters(): Float64Array;
    /**
     * Adds an enabled filter to it; `filter_type` is a `FilterType` of the wire contract. Returns why it was
     * refused, or an empty string.
     */
    filters_add(filter_type: number, id: string, pattern: string): string;
    /**
     * Adds a domain pattern of the operator's own to it. The error says why it was refused.
     */
    filters_add_local_domain(pattern: string): void;
    /**
     * Adds a user of SIP that the operator named to it. Returns why it was refused, or an empty string.
     */
    filters_add_local_sip_user(pattern: string): string;
    /**
     * Begins a new filter set.
     */
    filters_begin(deny_without_filters: boolean): void;
    /**
     * Does a part of what is left to do for the new set, about so many patterns' worth. False when it is ready; an error
     * says why it cannot be.
     */
    filters_build(patterns: number): boolean;
    /**
     * Filters that the new set, which is ready, had no room for: by their place among those that were added, not counting
     * those of type `bpf`. They match nothing.
     */
    filters_left_out(): Uint32Array;
    /**
     * Why there are such; empty where there are none.
     */
    filters_left_out_reason(): string;
    /**
     * Puts the new filter set in force, which must be ready. Of engines that share calls, those with the same `version` have
     * the same set; of two sets the later one has the higher number.
     */
    filters_swap(version: number): void;
    /**
     * No more input will come: what was held back goes to the outputs.
     */
    finish(): void;
    /**
     * It has been told.
     */
    forget_told(): void;
    /**
     * Takes what the engine of another thread has told, `bytes` bytes of the inbox.
     */
    hear(bytes: number): void;
    /**
     * Address of room for `bytes` bytes of input, behind what is left of the last ones. Valid until the next
     * call into the module.
     */
    inbox(bytes: number): number;
    /**
     * `outputs`: sum of 1 wire, 2 JSON lines, 4 text lines, 8 capture file, 16 JSON lines of calls that ended, 32
     * records grouped by call. `protocol`: 0 all, 1 packets of the DNS ports, 2 calls: SIP and its media. `batch_packets` and `batch_bytes` bound a wire piece. `limit`: stop after this many kept
     * packets, 0 for never.
     */
    constructor(outputs: number, protocol: number, dns_ports: Uint16Array, udp_only: boolean, detect_tunneling: boolean, batch_packets: number, batch_bytes: number, limit: number, settings: SettingsHandle);
    /**
     * Opens an input and returns its number. `name` is for messages, `interface_name` for the packets.
     */
    open_input(name: string, interface_name: string): number;
    /**
     * Address of the output of one kind (see [`new`](Self::new)).
     */
    output(kind: number): number;
    /**
     * Its length in bytes.
     */
    output_length(kind: number): number;
    /**
     * What the pattern of a filter asks for, for people; empty where it is refused.
     */
    static pattern_meaning(filter_type: number, pattern: string): string;
    /**
     * What is wrong with the pattern of a filter, or an empty string.
     */
    static pattern_problem(filter_type: number, pattern: string): string;
    /**
     * Link type of the records in the capture file output.
     */
    pcap_link_type(): number;
    /**
     * `[end offset, packets]` of each piece of the wire output.
     */
    pieces(): Uint32Array;
    /**
     * Takes `bytes` new bytes of `input` from the inbox. `at_end`: no more will follow. Returns false when this
     * input has nothing more to give: it is no capture, or the limit is reached.
     */
    process(input: number, bytes: number, at_end: boolean): boolean;
    /**
     * Takes one encoded `PacketBatch` of `bytes` bytes from the inbox. False when it is none.
     */
    process_batch(bytes: number): boolean;
    /**
     * Adds a BPF program for the records of a link type, as libpcap compiled it. Once there is one, records of
     * a link type without a program are dropped and counted. Returns what is wrong with it, or an empty string.
     */
    programs_add(link_type: number, instructions: Uint8Array): string;
    /**
     * Forgets the BPF programs. Records of a link type without a program are then kept.
     */
    programs_clear(): void;
    /**
     * Captured bytes of these packets.
     */
    rendered_bytes(): number;
    /**
     * Packets rendered since the outputs were last emptied.
     */
    rendered_packets(): number;
    /**
     * Lines for the operator since the last call, separated by line feeds.
     */
    take_notices(): string;
    /**
     * Address of what is to be told to the engines of other threads.
     */
    told(): number;
    /**
     * Its length in bytes.
     */
    told_length(): number;
    /**
     * Flows, and packets and bytes by protocol and by address (the `top` ones), as a JSON object.
     */
    traffic(top: number): string;
}

/**
 * A pattern set for batches of payloads: see [`PayloadSearch`].
 */
export class PayloadSearchHandle {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * For each payload how many patterns it holds, and their numbers.
     */
    find(payloads: Uint8Array, ends: Uint32Array): Uint32Array;
    /**
     * Makes the set; throws a text that says what is wrong.
     */
    constructor(texts: Uint8Array, ends: Uint32Array, kinds: Uint8Array, memory_limit: number);
}

/**
 * Settings that have a name.
 */
export class SettingsHandle {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The defaults.
     */
    constructor();
    /**
     * Sets one; false when there is none of that name, or no such value.
     */
    set(name: string, value: string): boolean;
}
