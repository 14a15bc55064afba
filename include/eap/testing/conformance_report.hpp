// SPDX-License-Identifier: BSL-1.0
//
// Layer 8 – the lab; not in eap.hpp. What a check of somebody's class found, as values that any test framework can assert.
#ifndef EAP_TESTING_CONFORMANCE_REPORT_HPP
#define EAP_TESTING_CONFORMANCE_REPORT_HPP

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eap::testing {

/// One promise that was not kept.
struct finding {
    std::string_view name; ///< of the promise: "order", "wake-up" ...
    std::string expected;  ///< sentences, all three
    std::string happened;
    std::string advice;
};

inline std::ostream& operator<<(std::ostream& out, const finding& what) {
    return out << what.name << ": " << what.expected << ' ' << what.happened << ' ' << what.advice;
}

/// What was tested, and what was found. True when nothing was.
struct conformance_report {
    std::vector<std::string_view> tested;  ///< the names of the promises, in order
    std::vector<std::string_view> omitted; ///< not declared, or not to be tested after what was found
    std::vector<finding> findings;         ///< at most one of each name: the first

    explicit operator bool() const noexcept { return findings.empty(); }

    void add(finding what) {
        if (std::ranges::find(findings, what.name, &finding::name) == findings.end())
            findings.push_back(std::move(what));
    }
};

inline std::ostream& operator<<(std::ostream& out, const conformance_report& report) {
    out << report.tested.size() << " tested, " << report.omitted.size() << " omitted, "
        << report.findings.size() << " found";
    for (const finding& each : report.findings)
        out << '\n' << each;
    return out;
}

} // namespace eap::testing

#endif
