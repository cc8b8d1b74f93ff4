//! Longpole's judge: what its tests share.
