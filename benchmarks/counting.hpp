// SPDX-License-Identifier: BSL-1.0
//
// What workloads cost in allocations, of all threads. Linked with it, a program has its own operator new.
#ifndef EAP_BENCHMARKS_COUNTING_HPP
#define EAP_BENCHMARKS_COUNTING_HPP

#include <functional>
#include <map>
#include <string>

namespace benchmarks {

/// Does something `count` times. Returns a value that depends on all of it, so that nothing is optimised away.
using workload = std::function<long(long count)>;

/// The part of `main` that is called as `PROGRAM WORKLOAD COUNT`: does the workload COUNT times, and prints the
/// allocations for each. Returns the exit status; called otherwise, that is 2, after a list of the workloads.
int count_allocations(int argc, char** argv, const std::map<std::string, workload>& workloads);

} // namespace benchmarks

#endif
