// SPDX-License-Identifier: Apache-2.0
//! Components for tests; each is an example of this empty library.
