//! Longpole's own messages.
