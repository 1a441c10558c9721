//! Whether a mail is from whom it says, as the receiving server judged; and bounces.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine};

use super::Word as Entry;
use super::register::{alone, fact, needs};
use crate::mail::AuthVerdict;
use crate::rules::run::current;
use crate::rules::stop::park;
use crate::rules::values::{AuthenticityValue, BounceValue, BouncedValue, Facts, MailValue, VerdictValue, text_or_absent};

/// The family's words.
pub(super) const WORDS: &[Entry] = &[
    Entry::new([
        "is_authentic",
        "authenticity",
        "mail.is_authentic -> bool",
        "DMARC passed, as the receiving server judged; false when unknown",
        "if !mail.is_authentic { flag(); }",
    ]),
    Entry::new([
        "authenticity",
        "authenticity",
        "mail.authenticity -> authenticity",
        "What the receiving server found",
        "note(mail.authenticity.reason);",
    ]),
    Entry::new([
        "verdict",
        "authenticity",
        "authenticity.verdict -> verdict",
        "\"pass\", \"fail\" or \"unknown\"",
        "if mail.authenticity.verdict == \"fail\" { flag(); }",
    ]),
    Entry::new(["reason", "authenticity", "authenticity.reason -> text", "Why, in words", "note(mail.authenticity.reason);"]),
    Entry::new([
        "spf",
        "authenticity",
        "authenticity.spf -> text or ()",
        "The SPF result",
        "note(mail.authenticity.spf ?? \"none\");",
    ]),
    Entry::new([
        "dkim",
        "authenticity",
        "authenticity.dkim -> text or ()",
        "The DKIM result",
        "note(mail.authenticity.dkim ?? \"none\");",
    ]),
    Entry::new([
        "dmarc",
        "authenticity",
        "authenticity.dmarc -> text or ()",
        "The DMARC result",
        "note(mail.authenticity.dmarc ?? \"none\");",
    ]),
    Entry::new([
        "composite",
        "authenticity",
        "authenticity.composite -> text or ()",
        "Microsoft's composite result",
        "note(mail.authenticity.composite ?? \"none\");",
    ]),
    Entry::new([
        "require_authentic",
        "authenticity",
        "require_authentic()",
        "Leaves a mail that did not pass to a person",
        "if mail.is_authentic { require_authentic(); }",
    ]),
    Entry::new([
        "bounce",
        "authenticity",
        "mail.bounce -> bounce or ()",
        "What a delivery report says; `()` when it is none",
        "if mail.bounce != () { flag(); }",
    ]),
    Entry::new([
        "recipients",
        "authenticity",
        "bounce.recipients -> list",
        "Whom it could not be delivered to",
        "for r in mail.bounce.recipients ?? [] { note(r.address); }",
    ]),
    Entry::new([
        "original",
        "authenticity",
        "bounce.original -> mail or ()",
        "The envelope of the mail that bounced",
        "note(mail.bounce.original.subject ?? \"unknown\");",
    ]),
    Entry::new([
        "permanent",
        "authenticity",
        "bounced recipient.permanent -> bool",
        "A repeat will not help",
        "for r in mail.bounce.recipients ?? [] { if r.permanent { flag(); } }",
    ]),
    Entry::new([
        "code",
        "authenticity",
        "bounced recipient.code -> text or ()",
        "The status: 5.1.1",
        "for r in mail.bounce.recipients ?? [] { note(r.code ?? \"\"); }",
    ]),
];

/// Registers the family.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<AuthenticityValue>("authenticity").register_type_with_name::<VerdictValue>("verdict");
    engine.register_type_with_name::<BounceValue>("bounce").register_type_with_name::<BouncedValue>("bounced recipient");
    fact::<MailValue>(engine, "is_authentic", |context, mail| {
        let found = needs(context, || mail.0.message.authenticity())?;
        Ok(Dynamic::from(matches!(found.verdict, AuthVerdict::Pass)))
    });
    fact::<MailValue>(engine, "authenticity", |context, mail| {
        let found = needs(context, || mail.0.message.authenticity())?;
        Ok(Dynamic::from(AuthenticityValue(Arc::new(found))))
    });
    fact::<AuthenticityValue>(engine, "verdict", |_, found| {
        Ok(Dynamic::from(VerdictValue(match found.0.verdict {
            AuthVerdict::Pass => "pass",
            AuthVerdict::Fail => "fail",
            AuthVerdict::Unknown => "unknown",
        })))
    });
    fact::<AuthenticityValue>(engine, "reason", |_, found| Ok(text_or_absent(Some(&found.0.reason))));
    fact::<AuthenticityValue>(engine, "spf", |_, found| Ok(text_or_absent(found.0.spf.as_deref())));
    fact::<AuthenticityValue>(engine, "dkim", |_, found| Ok(text_or_absent(found.0.dkim.as_deref())));
    fact::<AuthenticityValue>(engine, "dmarc", |_, found| Ok(text_or_absent(found.0.dmarc.as_deref())));
    fact::<AuthenticityValue>(engine, "composite", |_, found| Ok(text_or_absent(found.0.composite.as_deref())));
    alone(engine, "require_authentic", &[], |context, _| {
        let run = current(context)?;
        let found = needs(context, || run.input.message.authenticity())?;
        if matches!(found.verdict, AuthVerdict::Pass) {
            return Ok(Dynamic::UNIT);
        }
        park(context, format!("the sender is not proven: {}", found.reason))
    });
    fact::<MailValue>(engine, "bounce", |context, mail| {
        let found = needs(context, || mail.0.message.bounce())?;
        Ok(found.map_or(Dynamic::UNIT, |bounce| Dynamic::from(BounceValue(Arc::new(bounce)))))
    });
    fact::<BounceValue>(engine, "recipients", |_, bounce| {
        let recipients = bounce.0.recipients.iter().map(|recipient| Dynamic::from(BouncedValue(recipient.clone())));
        Ok(Dynamic::from(recipients.collect::<Array>()))
    });
    fact::<BounceValue>(engine, "original", |context, bounce| {
        let Some(envelope) = bounce.0.original.clone() else { return Ok(Dynamic::UNIT) };
        let zone = current(context)?.known.surroundings.time_zone.clone();
        let headers = Some(envelope.headers.clone().unwrap_or_default());
        let message = crate::mail::Message::new(crate::mail::Envelope { headers, ..envelope }).enclosed();
        Ok(Dynamic::from(MailValue(Arc::new(Facts::new(Arc::new(message), zone)))))
    });
    fact::<BouncedValue>(engine, "address", |_, recipient| Ok(text_or_absent(Some(&recipient.0.address))));
    fact::<BouncedValue>(engine, "permanent", |_, recipient| Ok(Dynamic::from(recipient.0.permanent)));
    fact::<BouncedValue>(engine, "code", |_, recipient| Ok(text_or_absent(recipient.0.code.as_deref())));
    fact::<BouncedValue>(engine, "reason", |_, recipient| Ok(text_or_absent(recipient.0.reason.as_deref())));
}
