//! Addresses, sockets, resolver. To be written.
