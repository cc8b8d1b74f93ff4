//! Longpole's voices: pure rendering of findings.
