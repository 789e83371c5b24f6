/**
 * The engine as JavaScript sees it: numbers, strings, and addresses in the module's memory.
 */
export class EngineHandle {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        EngineHandleFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_enginehandle_free(ptr, 0);
    }
    /**
     * So many milliseconds have gone by, though no packet may have come: what is over by then is ended.
     * @param {number} elapsed_ms
     */
    advance(elapsed_ms) {
        wasm.enginehandle_advance(this.__wbg_ptr, elapsed_ms);
    }
    /**
     * Sender of the last batch; U+FFFD for what is not UTF-8.
     * @returns {string}
     */
    batch_hunter_id() {
        let deferred1_0;
        let deferred1_1;
        try {
            const ret = wasm.enginehandle_batch_hunter_id(this.__wbg_ptr);
            deferred1_0 = ret[0];
            deferred1_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred1_0, deferred1_1, 1);
        }
    }
    /**
     * `[sequence, timestamp_ns, packets, bytes, total_captured, filtered_matched, dropped]` of the last batch.
     * @returns {BigUint64Array}
     */
    batch_numbers() {
        const ret = wasm.enginehandle_batch_numbers(this.__wbg_ptr);
        var v1 = getArrayU64FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 8, 8);
        return v1;
    }
    /**
     * Empties the outputs.
     */
    clear_outputs() {
        wasm.enginehandle_clear_outputs(this.__wbg_ptr);
    }
    /**
     * Names of the counters, separated by commas.
     * @returns {string}
     */
    static counter_names() {
        let deferred1_0;
        let deferred1_1;
        try {
            const ret = wasm.enginehandle_counter_names();
            deferred1_0 = ret[0];
            deferred1_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred1_0, deferred1_1, 1);
        }
    }
    /**
     * The counters, in the order of their names.
     * @returns {Float64Array}
     */
    counters() {
        const ret = wasm.enginehandle_counters(this.__wbg_ptr);
        var v1 = getArrayF64FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 8, 8);
        return v1;
    }
    /**
     * Adds an enabled filter to it; `filter_type` is a `FilterType` of the wire contract. Returns why it was
     * refused, or an empty string.
     * @param {number} filter_type
     * @param {string} id
     * @param {string} pattern
     * @returns {string}
     */
    filters_add(filter_type, id, pattern) {
        let deferred3_0;
        let deferred3_1;
        try {
            const ptr0 = passStringToWasm0(id, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            const len0 = WASM_VECTOR_LEN;
            const ptr1 = passStringToWasm0(pattern, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            const len1 = WASM_VECTOR_LEN;
            const ret = wasm.enginehandle_filters_add(this.__wbg_ptr, filter_type, ptr0, len0, ptr1, len1);
            deferred3_0 = ret[0];
            deferred3_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred3_0, deferred3_1, 1);
        }
    }
    /**
     * Adds a domain pattern of the operator's own to it. The error says why it was refused.
     * @param {string} pattern
     */
    filters_add_local_domain(pattern) {
        const ptr0 = passStringToWasm0(pattern, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.enginehandle_filters_add_local_domain(this.__wbg_ptr, ptr0, len0);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Adds a user of SIP that the operator named to it. Returns why it was refused, or an empty string.
     * @param {string} pattern
     * @returns {string}
     */
    filters_add_local_sip_user(pattern) {
        let deferred2_0;
        let deferred2_1;
        try {
            const ptr0 = passStringToWasm0(pattern, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            const len0 = WASM_VECTOR_LEN;
            const ret = wasm.enginehandle_filters_add_local_sip_user(this.__wbg_ptr, ptr0, len0);
            deferred2_0 = ret[0];
            deferred2_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred2_0, deferred2_1, 1);
        }
    }
    /**
     * Begins a new filter set.
     * @param {boolean} deny_without_filters
     */
    filters_begin(deny_without_filters) {
        wasm.enginehandle_filters_begin(this.__wbg_ptr, deny_without_filters);
    }
    /**
     * Does a part of what is left to do for the new set, about so many patterns' worth. False when it is ready; an error
     * says why it cannot be.
     * @param {number} patterns
     * @returns {boolean}
     */
    filters_build(patterns) {
        const ret = wasm.enginehandle_filters_build(this.__wbg_ptr, patterns);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return ret[0] !== 0;
    }
    /**
     * Filters that the new set, which is ready, had no room for: by their place among those that were added, not counting
     * those of type `bpf`. They match nothing.
     * @returns {Uint32Array}
     */
    filters_left_out() {
        const ret = wasm.enginehandle_filters_left_out(this.__wbg_ptr);
        var v1 = getArrayU32FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 4, 4);
        return v1;
    }
    /**
     * Why there are such; empty where there are none.
     * @returns {string}
     */
    filters_left_out_reason() {
        let deferred1_0;
        let deferred1_1;
        try {
            const ret = wasm.enginehandle_filters_left_out_reason(this.__wbg_ptr);
            deferred1_0 = ret[0];
            deferred1_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred1_0, deferred1_1, 1);
        }
    }
    /**
     * Puts the new filter set in force, which must be ready. Of engines that share calls, those with the same `version` have
     * the same set; of two sets the later one has the higher number.
     * @param {number} version
     */
    filters_swap(version) {
        wasm.enginehandle_filters_swap(this.__wbg_ptr, version);
    }
    /**
     * No more input will come: what was held back goes to the outputs.
     */
    finish() {
        wasm.enginehandle_finish(this.__wbg_ptr);
    }
    /**
     * It has been told.
     */
    forget_told() {
        wasm.enginehandle_forget_told(this.__wbg_ptr);
    }
    /**
     * Takes what the engine of another thread has told, `bytes` bytes of the inbox.
     * @param {number} bytes
     */
    hear(bytes) {
        wasm.enginehandle_hear(this.__wbg_ptr, bytes);
    }
    /**
     * Address of room for `bytes` bytes of input, behind what is left of the last ones. Valid until the next
     * call into the module.
     * @param {number} bytes
     * @returns {number}
     */
    inbox(bytes) {
        const ret = wasm.enginehandle_inbox(this.__wbg_ptr, bytes);
        return ret >>> 0;
    }
    /**
     * `outputs`: sum of 1 wire, 2 JSON lines, 4 text lines, 8 capture file, 16 JSON lines of calls that ended, 32
     * records grouped by call. `protocol`: 0 all, 1 packets of the DNS ports, 2 calls: SIP and its media. `batch_packets` and `batch_bytes` bound a wire piece. `limit`: stop after this many kept
     * packets, 0 for never.
     * @param {number} outputs
     * @param {number} protocol
     * @param {Uint16Array} dns_ports
     * @param {boolean} udp_only
     * @param {boolean} detect_tunneling
     * @param {number} batch_packets
     * @param {number} batch_bytes
     * @param {number} limit
     * @param {SettingsHandle} settings
     */
    constructor(outputs, protocol, dns_ports, udp_only, detect_tunneling, batch_packets, batch_bytes, limit, settings) {
        const ptr0 = passArray16ToWasm0(dns_ports, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        _assertClass(settings, SettingsHandle);
        const ret = wasm.enginehandle_new(outputs, protocol, ptr0, len0, udp_only, detect_tunneling, batch_packets, batch_bytes, limit, settings.__wbg_ptr);
        this.__wbg_ptr = ret;
        EngineHandleFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Opens an input and returns its number. `name` is for messages, `interface_name` for the packets.
     * @param {string} name
     * @param {string} interface_name
     * @returns {number}
     */
    open_input(name, interface_name) {
        const ptr0 = passStringToWasm0(name, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passStringToWasm0(interface_name, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len1 = WASM_VECTOR_LEN;
        const ret = wasm.enginehandle_open_input(this.__wbg_ptr, ptr0, len0, ptr1, len1);
        return ret >>> 0;
    }
    /**
     * Address of the output of one kind (see [`new`](Self::new)).
     * @param {number} kind
     * @returns {number}
     */
    output(kind) {
        const ret = wasm.enginehandle_output(this.__wbg_ptr, kind);
        return ret >>> 0;
    }
    /**
     * Its length in bytes.
     * @param {number} kind
     * @returns {number}
     */
    output_length(kind) {
        const ret = wasm.enginehandle_output_length(this.__wbg_ptr, kind);
        return ret >>> 0;
    }
    /**
     * What the pattern of a filter asks for, for people; empty where it is refused.
     * @param {number} filter_type
     * @param {string} pattern
     * @returns {string}
     */
    static pattern_meaning(filter_type, pattern) {
        let deferred2_0;
        let deferred2_1;
        try {
            const ptr0 = passStringToWasm0(pattern, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            const len0 = WASM_VECTOR_LEN;
            const ret = wasm.enginehandle_pattern_meaning(filter_type, ptr0, len0);
            deferred2_0 = ret[0];
            deferred2_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred2_0, deferred2_1, 1);
        }
    }
    /**
     * What is wrong with the pattern of a filter, or an empty string.
     * @param {number} filter_type
     * @param {string} pattern
     * @returns {string}
     */
    static pattern_problem(filter_type, pattern) {
        let deferred2_0;
        let deferred2_1;
        try {
            const ptr0 = passStringToWasm0(pattern, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
            const len0 = WASM_VECTOR_LEN;
            const ret = wasm.enginehandle_pattern_problem(filter_type, ptr0, len0);
            deferred2_0 = ret[0];
            deferred2_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred2_0, deferred2_1, 1);
        }
    }
    /**
     * Link type of the records in the capture file output.
     * @returns {number}
     */
    pcap_link_type() {
        const ret = wasm.enginehandle_pcap_link_type(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * `[end offset, packets]` of each piece of the wire output.
     * @returns {Uint32Array}
     */
    pieces() {
        const ret = wasm.enginehandle_pieces(this.__wbg_ptr);
        var v1 = getArrayU32FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 4, 4);
        return v1;
    }
    /**
     * Takes `bytes` new bytes of `input` from the inbox. `at_end`: no more will follow. Returns false when this
     * input has nothing more to give: it is no capture, or the limit is reached.
     * @param {number} input
     * @param {number} bytes
     * @param {boolean} at_end
     * @returns {boolean}
     */
    process(input, bytes, at_end) {
        const ret = wasm.enginehandle_process(this.__wbg_ptr, input, bytes, at_end);
        return ret !== 0;
    }
    /**
     * Takes one encoded `PacketBatch` of `bytes` bytes from the inbox. False when it is none.
     * @param {number} bytes
     * @returns {boolean}
     */
    process_batch(bytes) {
        const ret = wasm.enginehandle_process_batch(this.__wbg_ptr, bytes);
        return ret !== 0;
    }
    /**
     * Adds a BPF program for the records of a link type, as libpcap compiled it. Once there is one, records of
     * a link type without a program are dropped and counted. Returns what is wrong with it, or an empty string.
     * @param {number} link_type
     * @param {Uint8Array} instructions
     * @returns {string}
     */
    programs_add(link_type, instructions) {
        let deferred2_0;
        let deferred2_1;
        try {
            const ptr0 = passArray8ToWasm0(instructions, wasm.__wbindgen_malloc);
            const len0 = WASM_VECTOR_LEN;
            const ret = wasm.enginehandle_programs_add(this.__wbg_ptr, link_type, ptr0, len0);
            deferred2_0 = ret[0];
            deferred2_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred2_0, deferred2_1, 1);
        }
    }
    /**
     * Forgets the BPF programs. Records of a link type without a program are then kept.
     */
    programs_clear() {
        wasm.enginehandle_programs_clear(this.__wbg_ptr);
    }
    /**
     * Captured bytes of these packets.
     * @returns {number}
     */
    rendered_bytes() {
        const ret = wasm.enginehandle_rendered_bytes(this.__wbg_ptr);
        return ret;
    }
    /**
     * Packets rendered since the outputs were last emptied.
     * @returns {number}
     */
    rendered_packets() {
        const ret = wasm.enginehandle_rendered_packets(this.__wbg_ptr);
        return ret;
    }
    /**
     * Lines for the operator since the last call, separated by line feeds.
     * @returns {string}
     */
    take_notices() {
        let deferred1_0;
        let deferred1_1;
        try {
            const ret = wasm.enginehandle_take_notices(this.__wbg_ptr);
            deferred1_0 = ret[0];
            deferred1_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred1_0, deferred1_1, 1);
        }
    }
    /**
     * Address of what is to be told to the engines of other threads.
     * @returns {number}
     */
    told() {
        const ret = wasm.enginehandle_told(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Its length in bytes.
     * @returns {number}
     */
    told_length() {
        const ret = wasm.enginehandle_told_length(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Flows, and packets and bytes by protocol and by address (the `top` ones), as a JSON object.
     * @param {number} top
     * @returns {string}
     */
    traffic(top) {
        let deferred1_0;
        let deferred1_1;
        try {
            const ret = wasm.enginehandle_traffic(this.__wbg_ptr, top);
            deferred1_0 = ret[0];
            deferred1_1 = ret[1];
            return getStringFromWasm0(ret[0], ret[1]);
        } finally {
            wasm.__wbindgen_free(deferred1_0, deferred1_1, 1);
        }
    }
}
if (Symbol.dispose) EngineHandle.prototype[Symbol.dispose] = EngineHandle.prototype.free;

/**
 * A pattern set for batches of payloads: see [`PayloadSearch`].
 */
export class PayloadSearchHandle {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        PayloadSearchHandleFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_payloadsearchhandle_free(ptr, 0);
    }
    /**
     * For each payload how many patterns it holds, and their numbers.
     * @param {Uint8Array} payloads
     * @param {Uint32Array} ends
     * @returns {Uint32Array}
     */
    find(payloads, ends) {
        const ptr0 = passArray8ToWasm0(payloads, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passArray32ToWasm0(ends, wasm.__wbindgen_malloc);
        const len1 = WASM_VECTOR_LEN;
        const ret = wasm.payloadsearchhandle_find(this.__wbg_ptr, ptr0, len0, ptr1, len1);
        var v3 = getArrayU32FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 4, 4);
        return v3;
    }
    /**
     * Makes the set; throws a text that says what is wrong.
     * @param {Uint8Array} texts
     * @param {Uint32Array} ends
     * @param {Uint8Array} kinds
     * @param {number} memory_limit
     */
    constructor(texts, ends, kinds, memory_limit) {
        const ptr0 = passArray8ToWasm0(texts, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passArray32ToWasm0(ends, wasm.__wbindgen_malloc);
        const len1 = WASM_VECTOR_LEN;
        const ptr2 = passArray8ToWasm0(kinds, wasm.__wbindgen_malloc);
        const len2 = WASM_VECTOR_LEN;
        const ret = wasm.payloadsearchhandle_new(ptr0, len0, ptr1, len1, ptr2, len2, memory_limit);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        PayloadSearchHandleFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
}
if (Symbol.dispose) PayloadSearchHandle.prototype[Symbol.dispose] = PayloadSearchHandle.prototype.free;

/**
 * Settings that have a name.
 */
export class SettingsHandle {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        SettingsHandleFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_settingshandle_free(ptr, 0);
    }
    /**
     * The defaults.
     */
    constructor() {
        const ret = wasm.settingshandle_new();
        this.__wbg_ptr = ret;
        SettingsHandleFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Sets one; false when there is none of that name, or no such value.
     * @param {string} name
     * @param {string} value
     * @returns {boolean}
     */
    set(name, value) {
        const ptr0 = passStringToWasm0(name, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passStringToWasm0(value, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);
        const len1 = WASM_VECTOR_LEN;
        const ret = wasm.settingshandle_set(this.__wbg_ptr, ptr0, len0, ptr1, len1);
        return ret !== 0;
    }
}
if (Symbol.dispose) SettingsHandle.prototype[Symbol.dispose] = SettingsHandle.prototype.free;
export function __wbg___wbindgen_throw_344f42d3211c4765(arg0, arg1) {
    throw new Error(getStringFromWasm0(arg0, arg1));
}
export function __wbindgen_cast_0000000000000001(arg0, arg1) {
    // Cast intrinsic for `Ref(String) -> Externref`.
    const ret = getStringFromWasm0(arg0, arg1);
    return ret;
}
export function __wbindgen_init_externref_table() {
    const table = wasm.__wbindgen_externrefs;
    const offset = table.grow(4);
    table.set(0, undefined);
    table.set(offset + 0, undefined);
    table.set(offset + 1, null);
    table.set(offset + 2, true);
    table.set(offset + 3, false);
}
const EngineHandleFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_enginehandle_free(ptr, 1));
const PayloadSearchHandleFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_payloadsearchhandle_free(ptr, 1));
const SettingsHandleFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_settingshandle_free(ptr, 1));

function _assertClass(instance, klass) {
    if (!(instance instanceof klass)) {
        throw new Error(`expected instance of ${klass.name}`);
    }
}

function getArrayF64FromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return getFloat64ArrayMemory0().subarray(ptr / 8, ptr / 8 + len);
}

function getArrayU32FromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return getUint32ArrayMemory0().subarray(ptr / 4, ptr / 4 + len);
}

function getArrayU64FromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return getBigUint64ArrayMemory0().subarray(ptr / 8, ptr / 8 + len);
}

let cachedBigUint64ArrayMemory0 = null;
function getBigUint64ArrayMemory0() {
    if (cachedBigUint64ArrayMemory0 === null || cachedBigUint64ArrayMemory0.byteLength === 0) {
        cachedBigUint64ArrayMemory0 = new BigUint64Array(wasm.memory.buffer);
    }
    return cachedBigUint64ArrayMemory0;
}

let cachedFloat64ArrayMemory0 = null;
function getFloat64ArrayMemory0() {
    if (cachedFloat64ArrayMemory0 === null || cachedFloat64ArrayMemory0.byteLength === 0) {
        cachedFloat64ArrayMemory0 = new Float64Array(wasm.memory.buffer);
    }
    return cachedFloat64ArrayMemory0;
}

function getStringFromWasm0(ptr, len) {
    return decodeText(ptr >>> 0, len);
}

let cachedUint16ArrayMemory0 = null;
function getUint16ArrayMemory0() {
    if (cachedUint16ArrayMemory0 === null || cachedUint16ArrayMemory0.byteLength === 0) {
        cachedUint16ArrayMemory0 = new Uint16Array(wasm.memory.buffer);
    }
    return cachedUint16ArrayMemory0;
}

let cachedUint32ArrayMemory0 = null;
function getUint32ArrayMemory0() {
    if (cachedUint32ArrayMemory0 === null || cachedUint32ArrayMemory0.byteLength === 0) {
        cachedUint32ArrayMemory0 = new Uint32Array(wasm.memory.buffer);
    }
    return cachedUint32ArrayMemory0;
}

let cachedUint8ArrayMemory0 = null;
function getUint8ArrayMemory0() {
    if (cachedUint8ArrayMemory0 === null || cachedUint8ArrayMemory0.byteLength === 0) {
        cachedUint8ArrayMemory0 = new Uint8Array(wasm.memory.buffer);
    }
    return cachedUint8ArrayMemory0;
}

function passArray16ToWasm0(arg, malloc) {
    const ptr = malloc(arg.length * 2, 2) >>> 0;
    getUint16ArrayMemory0().set(arg, ptr / 2);
    WASM_VECTOR_LEN = arg.length;
    return ptr;
}

function passArray32ToWasm0(arg, malloc) {
    const ptr = malloc(arg.length * 4, 4) >>> 0;
    getUint32ArrayMemory0().set(arg, ptr / 4);
    WASM_VECTOR_LEN = arg.length;
    return ptr;
}

function passArray8ToWasm0(arg, malloc) {
    const ptr = malloc(arg.length * 1, 1) >>> 0;
    getUint8ArrayMemory0().set(arg, ptr / 1);
    WASM_VECTOR_LEN = arg.length;
    return ptr;
}

function passStringToWasm0(arg, malloc, realloc) {
    if (realloc === undefined) {
        const buf = cachedTextEncoder.encode(arg);
        const ptr = malloc(buf.length, 1) >>> 0;
        getUint8ArrayMemory0().subarray(ptr, ptr + buf.length).set(buf);
        WASM_VECTOR_LEN = buf.length;
        return ptr;
    }

    let len = arg.length;
    let ptr = malloc(len, 1) >>> 0;

    const mem = getUint8ArrayMemory0();

    let offset = 0;

    for (; offset < len; offset++) {
        const code = arg.charCodeAt(offset);
        if (code > 0x7F) break;
        mem[ptr + offset] = code;
    }
    if (offset !== len) {
        if (offset !== 0) {
            arg = arg.slice(offset);
        }
        ptr = realloc(ptr, len, len = offset + arg.length * 3, 1) >>> 0;
        const view = getUint8ArrayMemory0().subarray(ptr + offset, ptr + len);
        const ret = cachedTextEncoder.encodeInto(arg, view);

        offset += ret.written;
        ptr = realloc(ptr, len, offset, 1) >>> 0;
    }

    WASM_VECTOR_LEN = offset;
    return ptr;
}

function takeFromExternrefTable0(idx) {
    const value = wasm.__wbindgen_externrefs.get(idx);
    wasm.__externref_table_dealloc(idx);
    return value;
}

let cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
cachedTextDecoder.decode();
const MAX_SAFARI_DECODE_BYTES = 2146435072;
let numBytesDecoded = 0;
function decodeText(ptr, len) {
    numBytesDecoded += len;
    if (numBytesDecoded >= MAX_SAFARI_DECODE_BYTES) {
        cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
        cachedTextDecoder.decode();
        numBytesDecoded = len;
    }
    return cachedTextDecoder.decode(getUint8ArrayMemory0().subarray(ptr, ptr + len));
}

const cachedTextEncoder = new TextEncoder();

if (!('encodeInto' in cachedTextEncoder)) {
    cachedTextEncoder.encodeInto = function (arg, view) {
        const buf = cachedTextEncoder.encode(arg);
        view.set(buf);
        return {
            read: arg.length,
            written: buf.length
        };
    };
}

let WASM_VECTOR_LEN = 0;


let wasm;
export function __wbg_set_wasm(val) {
    wasm = val;
}
