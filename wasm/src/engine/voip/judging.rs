//! What filters say of the packets of a call.

use super::Voip;
use super::judgement::Judgement;
use crate::call::{Call, CallKey};
use crate::engine::Engine;
use crate::matching::address::bits_of;
use crate::matching::contents::Content;
use crate::matching::filter_set::Subject;
use crate::net::{self, Packet};
use crate::short::equal;
use crate::sip::address::Uri;
use crate::sip::header::Header;
use crate::sip::message::Message;
use crate::sip::parts::{Known, has_no_other_identities, has_several};

/// Parties of a call that a filter set has looked at: what it had to say of them is known, and most messages name no
/// others.
#[derive(Clone, Copy, Default)]
pub(super) struct LookedAt {
    /// Number of the filter set.
    filters: u32,
    caller: bool,
    called: bool,
}

impl LookedAt {
    /// Whether it has looked at the URI of a field, which is all that the field says.
    fn knows(&self, call: &Call<Judgement>, line: &[u8], uri: &[u8]) -> bool {
        self.knows_uri(call, uri) && !has_several(line)
    }

    #[inline]
    fn knows_uri(&self, call: &Call<Judgement>, uri: &[u8]) -> bool {
        self.caller && equal(uri, call.from_uri()) || self.called && equal(uri, call.to_uri())
    }
}

impl Engine {
    /// Whether the packet itself is what filters ask for; which ones is then in the workspace.
    pub(super) fn passes_call_filters(
        &mut self,
        packet: &Packet,
        content: Content,
        bytes: &[u8],
        message: Option<&Message>,
        known: Known,
    ) -> bool {
        let addresses = |ip: &net::IpHeader| (bits_of(&ip.source), bits_of(&ip.destination));
        let subject = Subject {
            addresses: packet.ip.as_ref().map(addresses),
            outer_addresses: packet.outer_ip.as_ref().map(addresses),
            domains: &|_| {},
            content: Some((content, bytes)),
            message,
            known,
        };
        self.filters.decide(&subject, &mut self.scratch.workspace)
    }

    /// The same for a message of a call, without another look at parties that the filters have looked at: either they
    /// asked for none of them, or the call has their ids.
    #[inline(never)]
    pub(super) fn passes_message_filters(
        &mut self,
        voip: &mut Voip,
        key: CallKey,
        packet: &Packet,
        message: &Message,
        bytes: &[u8],
    ) -> bool {
        let judges_apart = self.filters.judges_texts_apart();
        let (from, to) = (message.from().uri, message.to().uri);
        let line = |header| message.first(header).unwrap_or_default();
        let known = match voip.calls.get(key) {
            Some(call) if judges_apart && call.data.looked_at.filters == voip.filters => {
                let looked_at = call.data.looked_at;
                Known {
                    from: looked_at.knows(call, line(Header::From), from),
                    to: looked_at.knows(call, line(Header::To), to),
                }
            }
            _ => Known::default(),
        };
        if known.from
            && known.to
            && self.filters.asks_for_identities_alone()
            && has_no_other_identities(message)
            && voip.calls.get(key).is_some_and(|call| {
                let uri = message.request_uri();
                let is_anonymous = || !self.filters.wants_uris() && Uri::user_of(uri) == Some(b"");
                uri.is_empty() || call.data.looked_at.knows_uri(call, uri) || is_anonymous()
            })
        {
            return false;
        }
        let passes = self.passes_call_filters(packet, Content::Sip, bytes, Some(message), known);
        if !(known.from && known.to)
            && let Some(call) = voip.calls.get_mut(key)
        {
            let mut looked_at = call.data.looked_at;
            if looked_at.filters != voip.filters {
                looked_at = LookedAt { filters: voip.filters, ..LookedAt::default() };
            }
            for (uri, header) in [(from, Header::From), (to, Header::To)] {
                if !has_several(line(header)) {
                    looked_at.caller |= equal(uri, call.from_uri()) && !uri.is_empty();
                    looked_at.called |= equal(uri, call.to_uri()) && !uri.is_empty();
                }
            }
            call.data.looked_at = looked_at;
        }
        passes
    }
}
