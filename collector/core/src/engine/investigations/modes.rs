//! What people and agents do to an investigation: ANALYSIS -> OPTIMIZATION -> VALIDATION -> closed,
//! or back to ANALYSIS; the clocks; the phases that were worked through.
//!
//! Nothing here measures a gain: validation gets it with its interval.

use super::book::Book;
use super::entry::Entry;
use super::outcome::{Gain, Outcome, Progress, Refused};
use longpole_model::finding::{Certificate, Event, EventKind, Handoff, Mode, Phase, Proof};
use longpole_model::signal::Timestamp;

/// Characters kept of what somebody says.
const SAID: usize = 400;

impl Book {
    /// Somebody has looked at it and says what they see: the assessment clock stops.
    ///
    /// # Errors
    /// [`Refused`] where there is no such open investigation.
    pub fn assess(&mut self, now: Timestamp, id: &str, said: &str) -> Result<(), Refused> {
        let e = self.open_entry(id)?;
        e.assessed = true;
        e.note(now, format!("assessed: {}", short(said)));
        Ok(())
    }

    /// Accepts a hypothesis with the gain it promises, nanoseconds per request: ANALYSIS to
    /// OPTIMIZATION. Both clocks stop.
    ///
    /// # Errors
    /// [`Refused`] outside ANALYSIS, or where nothing is promised.
    pub fn accept(
        &mut self,
        now: Timestamp,
        id: &str,
        hypothesis: &str,
        expected_gain_ns: f64,
    ) -> Result<Event, Refused> {
        let e = self.entry_in(id, Mode::Analysis)?;
        if !(expected_gain_ns.is_finite() && expected_gain_ns > 0.0) {
            return Err(Refused::BadNumber("the expected gain must be a number above 0"));
        }
        e.expected_gain_ns = Some(expected_gain_ns);
        e.assessed = true;
        let (ms, said) = (millis(expected_gain_ns), short(hypothesis));
        Ok(e.enter(now, Mode::Optimization, format!("hypothesis accepted, {ms} expected: {said}")))
    }

    /// The change is out: OPTIMIZATION to VALIDATION.
    ///
    /// # Errors
    /// [`Refused`] outside OPTIMIZATION.
    pub fn changed(&mut self, now: Timestamp, id: &str, what: &str) -> Result<Event, Refused> {
        let e = self.entry_in(id, Mode::Optimization)?;
        Ok(e.enter(now, Mode::Validation, format!("changed: {}", short(what))))
    }

    /// Judges a measured gain: certificate and closed; or back to ANALYSIS where it is under half of
    /// the estimate; or undecided while its interval still reaches 0.
    ///
    /// # Errors
    /// [`Refused`] outside VALIDATION, or where a number is none.
    pub fn validate(&mut self, now: Timestamp, id: &str, gain: &Gain) -> Result<Outcome, Refused> {
        let e = self.entry_in(id, Mode::Validation)?;
        let [low, high] = gain.interval_ns;
        if ![gain.measured_ns, low, high].iter().all(|x| x.is_finite()) || low > high {
            return Err(Refused::BadNumber("a gain and its interval must be numbers in order"));
        }
        let expected = e.expected_gain_ns.unwrap_or(0.0);
        let said = format!(
            "{} of {} gained per request (95 % {} to {})",
            millis(gain.measured_ns),
            millis(expected),
            millis(low),
            millis(high)
        );
        if gain.measured_ns < expected / 2.0 || gain.measured_ns <= 0.0 {
            e.reopen(now, &format!("{said} is under half of the estimate"));
            return Ok(Outcome::Back(e.event(now, EventKind::Updated)));
        }
        if low <= 0.0 {
            e.note(now, format!("undecided: {said}; more data is needed"));
            return Ok(Outcome::Undecided);
        }
        e.investigation.certificate = Some(Certificate {
            expected_gain_ns: expected,
            measured_gain_ns: gain.measured_ns,
            interval_ns: gain.interval_ns,
            baseline: gain.baseline,
            window: gain.window,
        });
        e.investigation.resolved_at = Some(now);
        e.note(now, format!("certified and closed: {said}"));
        Ok(Outcome::Certified(e.event(now, EventKind::Resolved)))
    }

    /// A phase is worked through, with the evidence that it brought.
    ///
    /// # Errors
    /// [`Refused`] where an earlier phase is still due.
    pub fn complete(
        &mut self,
        now: Timestamp,
        id: &str,
        phase: Phase,
        proofs: &[Proof],
    ) -> Result<(), Refused> {
        let e = self.open_entry(id)?;
        let due = Phase::ALL.into_iter().find(|p| !e.completed.contains(p));
        if let Some(due) = due.filter(|due| phase > *due) {
            return Err(Refused::OutOfSequence { wanted: phase, due });
        }
        if !e.completed.contains(&phase) {
            e.completed.push(phase);
        }
        for p in proofs {
            if !e.proofs.contains(p) {
                e.proofs.push(*p);
            }
        }
        e.proofs.sort();
        let names: Vec<&str> = proofs.iter().map(|p| p.as_str()).collect();
        let with = if names.is_empty() { "no evidence".into() } else { names.join(", ") };
        e.note(now, format!("phase {} done, with {with}", phase.title()));
        Ok(())
    }

    /// Routed anew: an event where it leads to another specialist or phase.
    ///
    /// # Errors
    /// [`Refused`] where there is no such open investigation.
    pub fn hand_on(
        &mut self,
        now: Timestamp,
        id: &str,
        handoff: Handoff,
    ) -> Result<Option<Event>, Refused> {
        let e = self.open_entry(id)?;
        let before = e.investigation.history.last().cloned();
        e.hand_on(now, handoff);
        let moved = e.investigation.history.last() != before.as_ref();
        Ok(moved.then(|| e.event(now, EventKind::Updated)))
    }

    /// Phases done and evidence there is.
    pub fn progress(&self, id: &str) -> Option<Progress<'_>> {
        let e = self.entries.iter().find(|e| e.investigation.id == id)?;
        Some(Progress { completed: &e.completed, proofs: &e.proofs })
    }

    /// Says, once each, which clocks have run out.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Event> {
        let mut out = Vec::new();
        for e in self.entries.iter_mut().filter(|e| e.is_open()) {
            if e.investigation.mode != Mode::Analysis {
                continue;
            }
            let (assess, decide) = (e.investigation.assess_by, e.investigation.decide_by);
            let [told_assess, told_decide] = e.overdue;
            let late = [!e.assessed && now > assess, now > decide];
            if late[0] && !told_assess {
                e.note(now, "overdue: not assessed within 5 min".into());
            }
            if late[1] && !told_decide {
                e.note(now, "overdue: no decision on a roll-back within 15 min".into());
            }
            e.overdue = [told_assess || late[0], told_decide || late[1]];
            if e.overdue != [told_assess, told_decide] {
                out.push(e.event(now, EventKind::Updated));
            }
        }
        out.sort_by(|a, b| a.investigation.cmp(&b.investigation));
        out
    }

    fn open_entry(&mut self, id: &str) -> Result<&mut Entry, Refused> {
        let found = self.entries.iter_mut().find(|e| e.investigation.id == id);
        let e = found.ok_or_else(|| Refused::Unknown(short(id)))?;
        if e.is_open() { Ok(e) } else { Err(Refused::Resolved(e.investigation.id.clone())) }
    }

    fn entry_in(&mut self, id: &str, needs: Mode) -> Result<&mut Entry, Refused> {
        let e = self.open_entry(id)?;
        let is = e.investigation.mode;
        let id = || e.investigation.id.clone();
        if is == needs { Ok(e) } else { Err(Refused::WrongMode { id: id(), is, needs }) }
    }
}

impl Entry {
    fn enter(&mut self, now: Timestamp, mode: Mode, why: String) -> Event {
        let from = std::mem::replace(&mut self.investigation.mode, mode);
        self.note(now, format!("{} -> {}: {why}", from.title(), mode.title()));
        self.event(now, EventKind::Updated)
    }
}

fn millis(ns: f64) -> String {
    format!("{:.3} ms", ns / 1e6)
}

/// What somebody said, on one line and cut.
fn short(said: &str) -> String {
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID).collect()
}
