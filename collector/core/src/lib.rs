//! Longpole's verbs, pure: no clock, no socket, no file, no async, no protobuf.
