// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include "pages.hpp"
#include "workloads.hpp"

#include <boost/version.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <optional>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace benchmarks {

namespace {

std::string number(double value, int digits) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return text.data();
}
std::string ratio(const spread& of) {
    if (std::isnan(of.median))
        return "–";
    const int digits = of.median < 10 ? 2 : 1;
    return number(of.median, digits) + " (" + number(of.least, digits) + "–" + number(of.greatest, digits) +
           ")";
}
std::string time(double seconds) {
    if (seconds < 1e-6)
        return number(seconds * 1e9, 0) + " ns";
    return seconds < 1e-3 ? number(seconds * 1e6, 2) + " µs" : number(seconds * 1e3, 2) + " ms";
}
std::string processor() {
    std::ifstream file{"/proc/cpuinfo"};
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name"))
            return line.substr(line.find(':') + 2);
    return "a processor that does not say its name";
}

// ---- plots ----

/// Text for a picture on a light ground and on a dark one.
constexpr auto style =
    "<style>text{font:13px sans-serif;fill:#777}.eap{fill:#2a7ae2}.other{fill:#aaa}"
    "line,polyline{stroke:#999;fill:none}polyline{stroke:#2a7ae2;stroke-width:2}</style>\n";

/// A bar for each, as long as the logarithm of how much dearer it is than the cheapest.
void plot_bars(const std::string& file, const std::string& title,
               std::vector<std::pair<std::string, double>> bars) {
    std::ranges::sort(bars, {}, &std::pair<std::string, double>::second);
    const double least = bars.front().second, greatest = bars.back().second;
    const int height = 50 + 24 * static_cast<int>(bars.size());
    std::ofstream out{file};
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 " << height << "\">\n"
        << style << "<text x=\"8\" y=\"20\">" << title << "</text>\n";
    int y = 40;
    for (const auto& [name, value] : bars) {
        const double length = 12 + 420 * std::log(value / least) / std::log(std::max(2.0, greatest / least));
        out << "<text x=\"190\" y=\"" << y + 13 << "\" text-anchor=\"end\">" << name
            << "</text><rect class=\"" << (name.starts_with("eap") ? "eap" : "other") << "\" x=\"198\" y=\""
            << y << "\" width=\"" << number(length, 1) << "\" height=\"17\"/><text x=\""
            << number(206 + length, 1) << "\" y=\"" << y + 13 << "\">" << number(value, 2) << "</text>\n";
        y += 24;
    }
    out << "</svg>\n";
}

/// What one costs, against how many there are; both axes by their logarithm.
void plot_growth(const std::string& file, const std::string& title,
                 const std::vector<std::pair<double, double>>& points) {
    std::ofstream out{file};
    out << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 300\">\n"
        << style << "<text x=\"8\" y=\"20\">" << title
        << "</text>\n<line x1=\"70\" y1=\"250\" x2=\"730\" y2=\"250\"/>\n";
    double most = 0;
    for (const auto& [count, seconds] : points)
        most = std::max(most, seconds);
    const auto x = [&](double count) { return 70 + 660 * (std::log10(count) - 3) / 3.2; };
    const auto y = [&](double seconds) { return 250 - 190 * seconds / most; };
    std::ostringstream line;
    for (const auto& [count, seconds] : points) {
        line << number(x(count), 1) << "," << number(y(seconds), 1) << " ";
        out << "<text x=\"" << number(x(count), 1) << "\" y=\"270\" text-anchor=\"middle\">"
            << number(count, 0) << "</text><text x=\"" << number(x(count), 1) << "\" y=\""
            << number(y(seconds) - 8, 1) << "\" text-anchor=\"middle\">" << time(seconds) << "</text>\n";
    }
    out << "<polyline points=\"" << line.str() << "\"/>\n</svg>\n";
}

// ---- the page ----

std::optional<double> figure_of(const report& all, figure which, const std::string& name) {
    if (which == figure::instructions || which == figure::allocations) {
        const auto found = all.counts.find(name);
        if (found == all.counts.end() || (which == figure::instructions && found->second.instructions < 0))
            return std::nullopt;
        return which == figure::instructions ? found->second.instructions : found->second.allocations;
    }
    const auto found = all.times.find(name);
    if (found == all.times.end())
        return std::nullopt;
    if (which == figure::bytes)
        return found->second.bytes;
    return which == figure::time ? found->second.time.median : found->second.processors.median;
}

void write_targets(const report& all, std::ostream& out) {
    out << "\n## What is to be reached\n\n| | target | measured | |\n|---|---|---|---|\n";
    for (const target& each : targets) {
        const auto own = figure_of(all, each.of, each.what);
        const auto other = each.beside == nullptr ? std::optional{1.0} : figure_of(all, each.of, each.beside);
        out << "| " << each.text << " | ≤ " << number(each.factor, each.factor < 10 ? 2 : 0)
            << (each.beside != nullptr ? "×" : "") << " | ";
        if (!own || !other)
            out << "not measured | |\n";
        else {
            const double is = *own / *other;
            out << number(is, is < 10 ? 2 : 0) << (each.beside != nullptr ? "×" : "") << " | "
                << (is <= each.factor ? "reached" : "**not reached**") << " |\n";
        }
    }
}

void write_comparison(const report& all, const page& of, std::ostream& out, const std::string& image) {
    const auto what = std::ranges::find(comparisons(), of.comparison, &comparison::name);
    if (what == comparisons().end())
        return;
    out << "\n## " << of.title << "\n\n" << of.text << (*of.text != 0 ? "\n\n" : "");
    if (!image.empty())
        out << "![" << of.title << "](" << image << ")\n\n";
    out << "| | one takes | time, × " << of.baseline << " | processors, × | allocations | instructions |\n"
        << "|---|---|---|---|---|---|\n";
    double crowding = 0;
    for (const way& each : what->ways) {
        const std::string name = what->name + "/" + each.name;
        out << "| " << each.name << " | ";
        const auto timed = all.times.find(name);
        if (timed != all.times.end()) {
            crowding = std::max(crowding, timed->second.crowding);
            out << time(timed->second.seconds.median) << " | " << ratio(timed->second.time) << " | "
                << ratio(timed->second.processors) << " | ";
        } else {
            out << "– | – | – | ";
        }
        const auto counted = all.counts.find(name);
        if (counted == all.counts.end())
            out << "– | – |\n";
        else
            out << number(counted->second.allocations, 2) << " | "
                << (counted->second.instructions < 0 ? "–" : number(counted->second.instructions, 0))
                << " |\n";
    }
    for (const way& each : what->ways) {
        const auto timed = all.times.find(what->name + "/" + each.name);
        if (timed != all.times.end() && timed->second.bytes >= 0)
            out << (&each == &what->ways.front() ? "\nOne takes of the heap, while it is pending: " : ", ")
                << number(timed->second.bytes, 0) << " bytes of " << each.name
                << (&each == &what->ways.back() ? ".\n" : "");
    }
    if (crowding > 0)
        out << "\nTwo threads at once took up to " << number(crowding, 2) << " times as long as one alone.\n";
}

} // namespace

void report::read_counts(const std::string& file) {
    std::ifstream in{file};
    if (!in)
        throw std::runtime_error{"cannot read " + file};
    for (std::string line; std::getline(in, line);) {
        std::istringstream words{line};
        std::string name, allocations, instructions;
        if (words >> name >> allocations >> instructions && name.find('/') != std::string::npos &&
            !line.starts_with("include"))
            counts[name] = {std::stod(allocations), instructions == "-" ? -1 : std::stod(instructions)};
        else if (!line.empty())
            includes.push_back(line);
    }
}

void report::write(const std::string& page_file, const std::string& images) const {
    const std::string folder = page_file.substr(0, page_file.find_last_of('/') + 1) + images;
    std::vector<std::pair<std::string, double>> bars;
    std::vector<std::pair<double, double>> growth;
    for (const auto& [name, each] : times) {
        if (name.starts_with("begin_end/"))
            bars.emplace_back(name.substr(10),
                              std::isnan(each.processors.median) ? each.time.median : each.processors.median);
        if (name.starts_with("pending/"))
            growth.emplace_back(std::stod(name.substr(8)), each.seconds.median);
    }
    std::ranges::sort(growth);
    const auto image = [&](const std::string& comparison) -> std::string {
        if (comparison == "begin_end" && !bars.empty())
            return images + "/begin_end.svg";
        return comparison == "pending" && !growth.empty() ? images + "/pending.svg" : "";
    };
    if (!bars.empty())
        plot_bars(folder + "/begin_end.svg",
                  "Begin a call and end it: processor time, × a bare asio::post (logarithmic; of Mono: time)",
                  bars);
    if (!growth.empty())
        plot_growth(folder + "/pending.svg", "One operation, by how many are pending", growth);

    std::ofstream out{page_file};
    out << "# Benchmarks\n\nWritten by `cmake --workflow --preset bench`; see "
           "[how](../benchmarks/README.md). "
        << processor() << ", " << std::thread::hardware_concurrency() << " cores, g++ " << __VERSION__
        << " -O3, Boost " << BOOST_VERSION / 100000 << "." << BOOST_VERSION / 100 % 1000
        << ".\n\nTimes are ratios of pairs, median (least–greatest), each pair measured one right after the "
           "other. Allocations and "
           "instructions repeat exactly on every such machine, those of several threads within a tenth. A "
           "dash: not counted.\n";
    write_targets(*this, out);
    for (const page& each : pages)
        write_comparison(*this, each, out, image(each.comparison));
    if (!includes.empty()) {
        out << "\n## What a header costs\n\nOne file that includes nothing else, g++ without optimisation: "
               "median of three.\n\n"
               "| header | seconds | lines |\n|---|---|---|\n";
        for (const std::string& line : includes)
            out << line << "\n";
    }
}

} // namespace benchmarks
