//! The state of a call: what each message of its INVITE and of its dialogs does to it (RFC 3261 sections 9, 12 to 15).
//!
//! A failure counts for a call that has not been answered, and only when nothing is left of its INVITE that could still be
//! answered: a proxy's branches, and the hop before it, each are a transaction of their own (RFC 3261 section 16.7). A
//! challenge (401, 407) fails nothing, because an INVITE with credentials follows. What fails in an answered call, a
//! re-INVITE say, leaves the call as it is (section 14.1).

/// Most transactions of one INVITE, and most dialogs that one makes, that are told apart.
const MOST_BRANCHES: usize = 8;

/// Where a call stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing is known yet.
    #[default]
    New,
    /// The INVITE is on its way.
    Trying,
    /// The called side is alerted (180).
    Ringing,
    /// There is early media, or the like (183).
    Progress,
    /// Answered.
    Active,
    /// BYE was sent: media may still be underway.
    Ending,
    /// Over, after BYE.
    Ended,
    /// Rejected or redirected, or never answered.
    Failed,
    /// Given up by the caller.
    Cancelled,
    /// Rejected as busy.
    Busy,
    /// Media without signalling.
    RtpOnly,
}

impl State {
    /// The name as reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Trying => "TRYING",
            Self::Ringing => "RINGING",
            Self::Progress => "PROGRESS",
            Self::Active => "ACTIVE",
            Self::Ending => "ENDING",
            Self::Ended => "ENDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::Busy => "BUSY",
            Self::RtpOnly => "RTP-ONLY",
        }
    }

    /// Not answered and not over.
    pub fn is_early(self) -> bool {
        matches!(self, Self::New | Self::Trying | Self::Ringing | Self::Progress)
    }

    /// Nothing but a new answer or a new INVITE makes a call go on.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Ending | Self::Ended | Self::Failed | Self::Cancelled | Self::Busy)
    }
}

/// Why a call is over, or is told of before it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// BYE.
    Bye,
    /// CANCEL, or 487.
    Cancel,
    /// 486 or 600.
    Busy,
    /// Another final response to the INVITE: its status code, 300 to 699.
    Rejected(u16),
    /// The INVITE was not answered for [`Limits::early_idle_ns`](super::Limits).
    Timeout,
    /// Neither signalling nor media for [`Limits::idle_ns`](super::Limits).
    Idle,
    /// Made room for a new call.
    Evicted,
    /// Media without signalling, the signalling of which was found: the call goes on under its Call-ID.
    Merged,
    /// The capture ended first.
    EndOfCapture,
}

/// The method of a transaction: of a request, or of what a response responds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// INVITE.
    Invite,
    /// ACK.
    Ack,
    /// BYE.
    Bye,
    /// CANCEL.
    Cancel,
    /// PRACK (RFC 3262).
    Prack,
    /// INFO (RFC 6086), UPDATE (RFC 3311) or REFER (RFC 3515).
    InDialog,
    /// Any other.
    Other,
}

impl Method {
    /// The method of that name in upper case, which it has to be written in (RFC 3261 section 7.1).
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"PRACK" => Self::Prack,
            b"INFO" | b"UPDATE" | b"REFER" => Self::InDialog,
            _ => Self::Other,
        }
    }

    /// The method that a CSeq names in any case.
    pub fn of_cseq(name: &[u8]) -> Self {
        match Self::of(name) {
            Self::Other => Self::of_any_case(name),
            method => method,
        }
    }

    #[cold]
    fn of_any_case(name: &[u8]) -> Self {
        let mut upper = [0; 8];
        match upper.get_mut(..name.len()) {
            Some(upper) => {
                upper.copy_from_slice(name);
                upper.make_ascii_uppercase();
                Self::of(upper)
            }
            None => Self::Other,
        }
    }
}

/// A message, as far as the state depends on it. Tags and branches are hashes of them, 0 where there is none.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The transaction's method.
    pub method: Method,
    /// Status code of a response, 100 to 699.
    pub status: Option<u16>,
    /// Number of the CSeq.
    pub cseq: u32,
    /// `branch` of the topmost Via.
    pub branch: u32,
    /// Tag of From.
    pub from_tag: u32,
    /// Tag of To.
    pub to_tag: u32,
    /// Capture time, nanoseconds.
    pub now_ns: i64,
}

impl Event {
    /// An INVITE that belongs to no dialog.
    pub fn is_initial_invite(&self) -> bool {
        self.method == Method::Invite && self.status.is_none() && self.to_tag == 0
    }

    /// Whether a call begins with it that nothing was seen of before. INFO, UPDATE and REFER must be in a dialog.
    pub fn makes_a_call(&self) -> bool {
        match self.method {
            Method::Other => false,
            Method::InDialog => self.to_tag != 0,
            _ => true,
        }
    }
}

/// A transaction of the INVITE.
#[derive(Clone, Copy, Debug, Default)]
struct Attempt {
    branch: u32,
    from_tag: u32,
    is_cancelled: bool,
    is_over: bool,
}

/// A dialog that the INVITE made.
#[derive(Clone, Copy, Debug, Default)]
struct Leg {
    tag: u32,
    is_confirmed: bool,
    is_over: bool,
}

/// The BYEs of a dialog that wait for their answers; none was accepted yet.
#[derive(Clone, Debug)]
struct Byes {
    /// Tags of From and To of the first.
    tags: (u32, u32),
    /// CSeq of the last of each side, that of the first before the other.
    open: [Option<u32>; 2],
    /// State of the call before the first.
    before: State,
}

impl Byes {
    /// The open BYE of the side that sent this one, or the one it responds to. None for another dialog.
    fn of_side(&mut self, event: &Event) -> Option<&mut Option<u32>> {
        let (near, far) = self.tags;
        let [of_near, of_far] = &mut self.open;
        let is_far = |tag| far == 0 || tag == far;
        if event.from_tag == near && is_far(event.to_tag) {
            Some(of_near)
        } else if event.to_tag == near && is_far(event.from_tag) {
            Some(of_far)
        } else {
            None
        }
    }
}

/// A short list that takes no more than its room.
#[derive(Clone, Debug)]
struct Few<E> {
    elements: [E; MOST_BRANCHES],
    length: usize,
}

impl<E: Copy + Default> Default for Few<E> {
    fn default() -> Self {
        Self { elements: [E::default(); MOST_BRANCHES], length: 0 }
    }
}

impl<E: Copy + Default> Few<E> {
    fn held(&self) -> &[E] {
        self.elements.get(..self.length).unwrap_or_default()
    }

    fn held_mut(&mut self) -> &mut [E] {
        self.elements.get_mut(..self.length).unwrap_or_default()
    }

    fn push(&mut self, element: E) {
        if let Some(free) = self.elements.get_mut(self.length) {
            *free = element;
            self.length += 1;
        }
    }
}

/// State of a call, with the times of its steps.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub(super) state: State,
    pub(super) end_reason: Option<EndReason>,
    /// Time of the first INVITE.
    pub(super) invite_ns: Option<i64>,
    /// Time of the first 180 or 183.
    pub(super) ringing_ns: Option<i64>,
    /// Time of the first 2xx to the INVITE, or of the ACK where that was not seen.
    pub(super) answer_ns: Option<i64>,
    pub(super) end_ns: Option<i64>,
    /// Last final status code of the INVITE, 0 without one.
    pub(super) response_code: u16,
    /// CSeq of the INVITE that is underway.
    cseq: u32,
    attempts: Few<Attempt>,
    legs: Few<Leg>,
    byes: Option<Byes>,
}

impl Progress {
    /// Whether an initial INVITE after the end begins another call: after BYE, with what was not in the first. Late copies
    /// have the branch and the tag of From of one that was there.
    pub(super) fn is_begun_anew_by(&self, event: &Event) -> bool {
        let attempts = self.attempts.held();
        matches!(self.state, State::Ending | State::Ended)
            && event.is_initial_invite()
            && (event.cseq.wrapping_sub(self.cseq).cast_signed() > 0
                || (!attempts.is_empty()
                    && attempts.len() < MOST_BRANCHES
                    && (attempts.iter().all(|attempt| attempt.branch != event.branch)
                        || attempts.iter().all(|attempt| attempt.from_tag != event.from_tag))))
    }

    /// Takes one message in. Retransmissions do no harm.
    #[inline(never)]
    pub(super) fn observe(&mut self, event: &Event) {
        match (event.status, event.method) {
            (None, Method::Invite) if event.to_tag == 0 => self.initial_invite(event),
            (None, Method::Invite | Method::Prack | Method::InDialog) => self.goes_on(event),
            (None, Method::Ack) => self.ack(event),
            (None, Method::Bye) => self.bye(event),
            (None, Method::Cancel) => self.cancel(event),
            (Some(status), Method::Invite) => self.response(status, event),
            (Some(200..300), Method::Prack | Method::InDialog) => self.goes_on(event),
            (Some(status @ 200..), Method::Bye) => self.bye_response(status, event),
            _ => {}
        }
    }

    /// The end of a call that no message ended.
    pub(super) fn end(&mut self, state: State, reason: EndReason, end_ns: i64) {
        self.state = state;
        self.end_reason = Some(reason);
        self.end_ns = Some(end_ns);
    }

    /// A message inside of a dialog whose beginning was not seen.
    fn goes_on(&mut self, event: &Event) {
        if self.state == State::New {
            self.state = State::Active;
            self.cseq = event.cseq;
        }
    }

    fn goes_back_to(&mut self, state: State) {
        self.state = state;
        self.end_reason = None;
        self.end_ns = None;
    }

    fn initial_invite(&mut self, event: &Event) {
        if !(self.state.is_early() || matches!(self.state, State::Failed | State::Cancelled | State::Busy)) {
            // The rest are late copies, and what was sent through another proxy.
            self.invite_ns = Some(self.invite_ns.unwrap_or(event.now_ns));
            return;
        }
        if self.invite_ns.is_none() {
            self.invite_ns = Some(event.now_ns);
            self.cseq = event.cseq;
        }
        let newer = event.cseq.wrapping_sub(self.cseq).cast_signed();
        if newer < 0 {
            return;
        }
        if newer > 0 {
            // With credentials, to where it was redirected to, or with what a 4xx asked for.
            self.cseq = event.cseq;
            self.attempts = Few::default();
        } else if self.attempts.held().iter().any(|attempt| attempt.branch == event.branch) {
            return;
        }
        let Event { branch, from_tag, .. } = *event;
        self.attempts.push(Attempt { branch, from_tag, ..Attempt::default() });
        if self.state == State::New || self.state.is_over() || newer > 0 {
            self.goes_back_to(State::Trying);
        }
    }

    fn ack(&mut self, event: &Event) {
        if !self.state.is_early() || (self.invite_ns.is_some() && event.cseq != self.cseq) {
            return;
        }
        // That of a failure is part of the INVITE's transaction, that of a 2xx is not (RFC 3261 section 17.1.1.3).
        if event.branch != 0
            && let Some(attempt) =
                self.attempts.held_mut().iter_mut().find(|attempt| attempt.branch == event.branch)
        {
            attempt.is_over = true;
            return;
        }
        if !self.is_challenged() {
            self.answer(event);
        }
    }

    fn answer(&mut self, event: &Event) {
        self.goes_back_to(State::Active);
        self.answer_ns = Some(self.answer_ns.unwrap_or(event.now_ns));
        self.cseq = event.cseq;
        self.leg(event.to_tag, true);
        self.attempts.held_mut().iter_mut().for_each(|attempt| attempt.is_over = true);
    }

    /// Notes the dialog with the side of that tag.
    fn leg(&mut self, tag: u32, is_confirmed: bool) {
        if tag == 0 {
            return;
        }
        match self.legs.held_mut().iter_mut().find(|leg| leg.tag == tag) {
            Some(leg) => leg.is_confirmed |= is_confirmed,
            None => self.legs.push(Leg { tag, is_confirmed, is_over: false }),
        }
    }

    fn bye(&mut self, event: &Event) {
        let open = self.byes.as_mut().and_then(|byes| byes.of_side(event));
        let is_further = open.map(|open| *open = Some(event.cseq)).is_some();
        if self.state.is_over() {
            return;
        }
        if !is_further {
            let (tags, open) = ((event.from_tag, event.to_tag), [Some(event.cseq), None]);
            self.byes = Some(Byes { tags, open, before: self.state });
        }
        let is_named = |leg: &Leg| leg.tag == event.from_tag || leg.tag == event.to_tag;
        let mut is_known = false;
        for leg in self.legs.held_mut().iter_mut().filter(|leg| is_named(leg)) {
            leg.is_over = true;
            is_known = true;
        }
        // Only the dialogs of an answered call count once there is one: a caller ends the other branches itself, and
        // does not end a dialog that BYE does not name (RFC 3261 section 13.2.2.4).
        let must_be_confirmed = self.state == State::Active || !is_known;
        let goes_on =
            self.legs.held().iter().any(|leg| !leg.is_over && (leg.is_confirmed || !must_be_confirmed));
        let names_none = event.from_tag == 0 && event.to_tag == 0;
        if !goes_on || names_none {
            self.end(State::Ending, EndReason::Bye, event.now_ns);
        }
    }

    /// What refuses a BYE leaves the call as it was, unless there is another BYE that may be accepted: a challenge
    /// (RFC 3261 section 22) brings one. A dialog that the other side does not know, or not any more, is over
    /// (section 15.1.1).
    fn bye_response(&mut self, status: u16, event: &Event) {
        let ends = matches!(status, 200..300 | 408 | 481);
        if self.state == State::New {
            return if ends {
                self.end(State::Ending, EndReason::Bye, event.now_ns);
            } else {
                self.goes_on(event);
            };
        }
        let Some(open) = self.byes.as_mut().and_then(|byes| byes.of_side(event)) else { return };
        if ends {
            self.byes = None;
            return;
        }
        open.take_if(|cseq| *cseq == event.cseq);
        let Some(Byes { before, .. }) = self.byes.take_if(|byes| byes.open == [None, None]) else { return };
        let is_named = |leg: &&mut Leg| leg.tag == event.from_tag || leg.tag == event.to_tag;
        self.legs.held_mut().iter_mut().filter(is_named).for_each(|leg| leg.is_over = false);
        if self.state == State::Ending {
            self.goes_back_to(if before == State::New { State::Active } else { before });
        }
    }

    fn cancel(&mut self, event: &Event) {
        if !self.state.is_early() {
            return;
        }
        let attempts = self.attempts.held_mut();
        let is_only_one = attempts.len() < 2;
        for attempt in attempts.iter_mut().filter(|attempt| is_only_one || attempt.branch == event.branch) {
            attempt.is_cancelled = true;
        }
        if attempts.iter().all(|attempt| attempt.is_cancelled || attempt.is_over) {
            self.end(State::Cancelled, EndReason::Cancel, event.now_ns);
        }
    }

    fn response(&mut self, status: u16, event: &Event) {
        if status == 481 && self.state == State::Active {
            return self.unknown_dialog(event);
        }
        if self.invite_ns.is_none() && self.state == State::New {
            self.cseq = event.cseq;
        }
        if event.cseq != self.cseq {
            return;
        }
        match status {
            ..200 => self.provisional(status, event),
            200..300 => {
                if self.state.is_early()
                    || matches!(self.state, State::Failed | State::Cancelled | State::Busy)
                {
                    self.response_code = status;
                    self.answer(event);
                } else if self.state == State::Active {
                    self.leg(event.to_tag, true);
                }
            }
            _ => self.failure(status, event),
        }
    }

    /// A further INVITE met a side that does not know the dialog (any more): it is over, BYE or not (RFC 3261 section
    /// 12.2.1.2, RFC 5057 section 5.1).
    fn unknown_dialog(&mut self, event: &Event) {
        let is_named = |leg: &Leg| leg.tag == event.from_tag || leg.tag == event.to_tag;
        let legs = self.legs.held_mut();
        if !legs.iter().any(|leg| leg.is_confirmed && is_named(leg)) {
            return;
        }
        legs.iter_mut().filter(|leg| is_named(leg)).for_each(|leg| leg.is_over = true);
        if legs.iter().all(|leg| leg.is_over || !leg.is_confirmed) {
            self.end(State::Ending, EndReason::Rejected(481), event.now_ns);
        }
    }

    fn provisional(&mut self, status: u16, event: &Event) {
        if !self.state.is_early() {
            return;
        }
        self.leg(event.to_tag, false);
        self.state = match (status, self.state) {
            (180, State::New | State::Trying) => State::Ringing,
            (183, _) => State::Progress,
            (_, State::New) => State::Trying,
            (_, state) => state,
        };
        if matches!(status, 180 | 183) {
            self.ringing_ns = Some(self.ringing_ns.unwrap_or(event.now_ns));
        }
    }

    fn failure(&mut self, status: u16, event: &Event) {
        let is_given_up = self.state == State::Cancelled && self.end_reason == Some(EndReason::Cancel);
        if !self.state.is_early() && !is_given_up {
            return;
        }
        self.response_code = status;
        let attempts = self.attempts.held_mut();
        let is_only_one = attempts.len() < 2;
        for attempt in attempts.iter_mut().filter(|attempt| is_only_one || attempt.branch == event.branch) {
            attempt.is_over = true;
        }
        if matches!(status, 401 | 407) || attempts.iter().any(|attempt| !attempt.is_over) {
            return;
        }
        match status {
            486 | 600 => self.end(State::Busy, EndReason::Busy, event.now_ns),
            487 => self.end(State::Cancelled, EndReason::Cancel, self.end_ns.unwrap_or(event.now_ns)),
            _ => self.end(State::Failed, EndReason::Rejected(status), event.now_ns),
        }
    }

    /// Whether all that was sent has been challenged: the call is over unless credentials follow soon.
    pub(super) fn is_challenged(&self) -> bool {
        matches!(self.response_code, 401 | 407)
            && self.state.is_early()
            && self.attempts.held().iter().all(|attempt| attempt.is_over)
    }
}
