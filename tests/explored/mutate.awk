# SPDX-License-Identifier: BSL-1.0
#
# Reads a header of detail/ and writes lines for mutants.sh, one for each small change that a rule below knows:
# weaker orders, other operators, conditions that are always or never true, statements that are left out.

function say(text, replacement, what) {
    print header " @ - @ " FNR " @ " text " @ " replacement " @ line " FNR ": " what
}
function swap(one, other) { # the first in the line
    if (index($0, one))
        say(one, other, one " is " other)
}

/^ *\/\// || /^ *#/ || /static_assert|requires|template|using|noexcept\(|operator/ { next }

{
    code = $0
    sub(/ *\/\/.*/, "", code)
    $0 = code
    match($0, /[^ ]/)
    first_letter = RSTART
}

{
    swap("order_acq_rel", "order_acquire")
    swap("order_acq_rel", "order_release")
    swap("order_acquire", "order_relaxed")
    swap("order_release", "order_relaxed")
    swap("order_seq_cst", "order_relaxed")

    swap(" == ", " != ")
    swap(" != ", " == ")
    swap(" && ", " || ")
    swap(" || ", " && ")
    swap(" < ", " <= ")
    swap(" >= ", " > ")
    swap(" + ", " - ")
    swap(" - ", " + ")
    swap(" & ", " | ")
    swap(" | ", " & ")
    swap("fetch_add", "fetch_sub")
    swap("fetch_sub", "fetch_add")
    swap("return true", "return false")
    swap("return false", "return true")
    swap("true)", "false)")
    swap("false)", "true)")
    swap("{true}", "{false}")
    swap("{false}", "{true}")
}

/^ *(else )?if \(/ && !/if constexpr/ {
    say("if (", "if (true || ", "the condition is always true")
    say("if (", "if (false && ", "the condition is never true")
}
/^ *while \(/ { say("while (", "while (false && ", "the loop is left out") }

# A call that stands alone.
/^ *[A-Za-z_][A-Za-z0-9_.:]*(->[A-Za-z0-9_.]+)*\([^{}]*\);$/ && !/^ *(return|throw|delete|else|if|while|for|assert)/ {
    say(substr($0, first_letter), ";", "left out: " substr($0, first_letter))
}
