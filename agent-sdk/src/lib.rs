//! Longpole's pen.
