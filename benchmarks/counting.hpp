// SPDX-License-Identifier: BSL-1.0
//
// Allocations of all threads. Linked with it, a program has its own operator new.
#ifndef EAP_BENCHMARKS_COUNTING_HPP
#define EAP_BENCHMARKS_COUNTING_HPP

namespace benchmarks {

struct allocations {
    long count;
};
allocations allocations_so_far();

} // namespace benchmarks

#endif
