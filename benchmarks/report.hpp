// SPDX-License-Identifier: BSL-1.0
//
// What was measured, and the page that says so.
#ifndef EAP_BENCHMARKS_REPORT_HPP
#define EAP_BENCHMARKS_REPORT_HPP

#include <map>
#include <string>
#include <vector>

namespace benchmarks {

struct spread {
    double median, least, greatest;
};

/// Of one way, by "comparison/way".
struct timing {
    spread seconds;
    spread time, processors; // as ratios to what it is compared with
    double crowding;         // of the machine, right after it
    double bytes;            // below 0: not asked
};
struct counting {
    double allocations;
    double instructions; // below 0: not counted
};

struct report {
    std::map<std::string, timing> times;
    std::map<std::string, counting> counts;
    std::vector<std::string> includes; // lines of include_cost.sh

    /// Lines of three fields are of count.sh, others are of include_cost.sh.
    void read_counts(const std::string& file);
    /// The page and its plots, beside it in a folder of `images`.
    void write(const std::string& page, const std::string& images) const;
};

} // namespace benchmarks

#endif
