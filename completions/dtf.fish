# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dtf_global_optspecs
    string join \n config= token-file= color= v/verbose q/quiet h/help V/version
end

function __fish_dtf_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dtf_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dtf_using_subcommand
    set -l cmd (__fish_dtf_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dtf -n "__fish_dtf_needs_command" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_needs_command" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_needs_command" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_needs_command" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_needs_command" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_needs_command" -s V -l version -d 'Print version'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "coordinator" -d 'Start a coordinator: it schedules tests and keeps results'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "worker" -d 'Lend this machine to a coordinator'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "submit" -d 'Send a plan to the coordinator'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "wait" -d 'Wait for a run that was submitted before'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "check" -d 'Check a plan and list its mistakes, without submitting it'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "run" -d 'Test on this machine: coordinator and worker in one process'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "generate" -d 'Write tests for models: a plan, and scripts that run alone'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "report" -d 'Show what is correct, fast, broken or flaky'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "status" -d 'Show the coordinator\'s state and what is running'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "cancel" -d 'Cancel a run: waiting tests end at once, running ones are stopped'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "logs" -d 'Print what a test wrote'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "why" -d 'Explain why a test waits, was skipped, or ended as it did'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "workers" -d 'List workers, or drain one'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "templates" -d 'List, show, add and check templates of tests'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "config-reference" -d 'Print docs/config.md'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "openapi" -d 'Print docs/openapi.json'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l listen -d 'Address and port; any but loopback needs --token-file [default: 127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l data-dir -d 'Directory of event log, results and files' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l slots -d 'Maximum number of tests at a time [default: one for each core]' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l tags -d 'Labels that tests can require, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l environments-dir -d 'Directory of Python environments; can be shared' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l python -d 'Interpreter to build environments with [default: python3 in PATH]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l system-packages -d 'Use the packages that this interpreter has, instead of building environments' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l torch-backend -d 'Torch build to install: cpu, auto, cu128, … [default: what suits the devices]' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l offline -d 'Build environments from caches only' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l pass-env -d 'Further environment variables that tests may see, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l name -d 'Name in reports [default: the host name]' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l work-dir -d 'Directory of attempts, files and results not yet sent' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l idle-timeout -d 'Exit after TIME without a test, such as 10m' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l ephemeral -d 'Exit when at least one test has run and there is nothing more to do'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l null-runner -d 'Answer every test with `passed` without running it, to measure the rest'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l templates -d 'Directory with templates of your own, which win, see docs/templates.md' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l wait-timeout -d 'Stop waiting after TIME, with exit code 8' -r
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l unschedulable-timeout -d 'Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what is left [default: 1m; without any worker: wait]' -r
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l output -d 'Form of the report with --wait, else of the run\'s id (csv only with --wait)' -r -f -a "table\t''
json\t''
csv\t''"
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l wait -d 'Wait for the end and print the report'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l fail-on-flaky -d 'Exit with 100 when a test passed only after a failed attempt'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l timeout -d 'Stop waiting after TIME, with exit code 8' -r
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l unschedulable-timeout -d 'Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what is left [default: 1m; without any worker: wait]' -r
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l output -d 'Form of the report' -r -f -a "table\t''
json\t''
csv\t''"
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l fail-on-flaky -d 'Exit with 100 when a test passed only after a failed attempt'
complete -c dtf -n "__fish_dtf_using_subcommand wait" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand wait" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand wait" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand check" -l coordinator -d 'Coordinator to ask for its templates, its hardware and what it has measured' -r
complete -c dtf -n "__fish_dtf_using_subcommand check" -l templates -d 'Directory with templates of your own, which win, see docs/templates.md' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand check" -l offline -d 'Do not ask the model hub about models that are not known here' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand check" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand check" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand check" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand check" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand check" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand run" -l coordinator -d 'Coordinator to ask for its templates, its hardware and what it has measured' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l hw -d 'Back-ends, or `auto`: cpu and every accelerator found [default: cpu for generate, auto for run]' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l batch -d 'Batch sizes' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l sequence-length -d 'Sequence lengths in tokens' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l image-size -d 'Image sizes in pixels' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l dtype -d 'Number types, such as float32,bfloat16' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l attention -d 'Implementations of attention: default, eager, sdpa, `flash_attention_2`' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l runtime -d 'What executes the model: torch, onnxruntime, openvino' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l weights -d 'Where weights come from: auto, cached, random, download' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l exclude -d 'Leave out combinations that match all of these values, such as backend=cuda,batch=16 (repeatable)' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l include -d 'Add one combination; name every key that has several values (repeatable)' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l family -d 'Family, when detection should not decide' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l revision -d 'Revision of the model' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l set -d 'Further parameter of the template, as NAME=VALUE' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l templates -d 'Directory with templates of your own, which win, see docs/templates.md' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l slots -d 'Maximum number of tests at a time [default: one for each core]' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l tags -d 'Labels that tests can require, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l environments-dir -d 'Directory of Python environments; can be shared' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l python -d 'Interpreter to build environments with [default: python3 in PATH]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l system-packages -d 'Use the packages that this interpreter has, instead of building environments' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand run" -l torch-backend -d 'Torch build to install: cpu, auto, cu128, … [default: what suits the devices]' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l offline -d 'Build environments from caches only' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand run" -l pass-env -d 'Further environment variables that tests may see, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l data-dir -d 'Directory of log and results [default: `local` in the platform\'s data directory]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l output -d 'Form of the report or list' -r -f -a "table\t''
json\t''
csv\t''"
complete -c dtf -n "__fish_dtf_using_subcommand run" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand run" -l dry-run -d 'Only list the tests, with what they need and what this machine cannot run'
complete -c dtf -n "__fish_dtf_using_subcommand run" -l fail-on-flaky -d 'Exit with 100 when a test passed only after a failed attempt'
complete -c dtf -n "__fish_dtf_using_subcommand run" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand run" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand run" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l coordinator -d 'Coordinator to ask for its templates, its hardware and what it has measured' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l hw -d 'Back-ends, or `auto`: cpu and every accelerator found [default: cpu for generate, auto for run]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l batch -d 'Batch sizes' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l sequence-length -d 'Sequence lengths in tokens' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l image-size -d 'Image sizes in pixels' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l dtype -d 'Number types, such as float32,bfloat16' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l attention -d 'Implementations of attention: default, eager, sdpa, `flash_attention_2`' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l runtime -d 'What executes the model: torch, onnxruntime, openvino' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l weights -d 'Where weights come from: auto, cached, random, download' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l exclude -d 'Leave out combinations that match all of these values, such as backend=cuda,batch=16 (repeatable)' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l include -d 'Add one combination; name every key that has several values (repeatable)' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l family -d 'Family, when detection should not decide' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l revision -d 'Revision of the model' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l set -d 'Further parameter of the template, as NAME=VALUE' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l templates -d 'Directory with templates of your own, which win, see docs/templates.md' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l from-pytest -d 'Directory or file of a pytest suite. pytest decides about the root directory; the plan is written there, as dtf-plan.yaml, with a directory dtf-plan beside it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l shard-time -d 'Time that a shard should take at most [default: a quarter of the suite, from 10s to 1m]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l durations -d 'What tests took before: a JUnit file (.xml), or the `.test_durations` of pytest-split' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l files -d 'Further files that the tests need, relative to the root directory (repeatable)' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l env -d 'Environment variable for collecting and for the tests (repeatable)' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l out -d 'Directory to write [default: dtf-tests]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l graph -d 'Only print what waits for what, as text or for Graphviz (dot)' -r -f -a "text\t''
dot\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l output -d 'Form of what is printed, or of the report; csv for --dry-run, --run and --submit --wait' -r -f -a "table\t''
json\t''
csv\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l wait-timeout -d 'Stop waiting after TIME, with exit code 8' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l unschedulable-timeout -d 'Stop waiting, with exit code 102, when for TIME nothing runs and no worker can run what is left [default: 1m; without any worker: wait]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l slots -d 'Maximum number of tests at a time [default: one for each core]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l tags -d 'Labels that tests can require, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l environments-dir -d 'Directory of Python environments; can be shared' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l python -d 'Interpreter to build environments with [default: python3 in PATH]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l system-packages -d 'Use the packages that this interpreter has, instead of building environments' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l torch-backend -d 'Torch build to install: cpu, auto, cu128, … [default: what suits the devices]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l offline -d 'Build environments from caches only' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l pass-env -d 'Further environment variables that tests may see, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l data-dir -d 'Directory of log and results [default: `local` in the platform\'s data directory]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l force -d 'Write into a directory that is not empty'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l dry-run -d 'Only list the tests, with what they need'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l explain -d 'Only explain what each model is, how that is known, and how each test got its priority'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l submit -d 'Send the tests to the coordinator'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l run -d 'Run the tests on this machine'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l fail-on-flaky -d 'Exit with 100 when a test passed only after a failed attempt'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l wait -d 'Wait for the end and print the report'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand report" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l data-dir -d 'Directory of `dtf run` or of a stopped coordinator, read without asking one' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand report" -l since -d 'Only runs from the last TIME, such as 7d, or since a date, such as 2026-11-28 [default: 7d]' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l run -d 'Only this run, such as r12 or `latest` (repeatable)' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l limit -d 'Maximum number of rows' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l output -d 'Form of the report' -r -f -a "table\t''
json\t''
csv\t''"
complete -c dtf -n "__fish_dtf_using_subcommand report" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand report" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand report" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand report" -l exit-code -d 'Exit by how the tests ended, with 8 while some have not'
complete -c dtf -n "__fish_dtf_using_subcommand report" -l fail-on-flaky -d 'With --exit-code: exit with 100 when a test passed only after a failed attempt'
complete -c dtf -n "__fish_dtf_using_subcommand report" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand report" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand report" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand status" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand status" -l output -d 'Form of the answer' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand status" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand status" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand status" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand status" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand status" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand status" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -l output -d 'Form of the answer' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand logs" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand logs" -l data-dir -d 'Directory of `dtf run` or of a stopped coordinator, read without asking one' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand logs" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand logs" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand logs" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand logs" -s f -l follow -d 'Follow until the attempt ends'
complete -c dtf -n "__fish_dtf_using_subcommand logs" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand logs" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand logs" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand why" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand why" -l data-dir -d 'Directory of `dtf run` or of a stopped coordinator, read without asking one' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand why" -l output -d 'Form of the answer' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand why" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand why" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand why" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand why" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand why" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand why" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l drain -d 'Send no new tests to this worker: its id, or its name where only one has it' -r
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l undrain -d 'Send tests to this worker again' -r
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l output -d 'Form of the answer' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l all -d 'List workers that have left, too'
complete -c dtf -n "__fish_dtf_using_subcommand workers" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand workers" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand workers" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "list" -d 'List what is in effect: built in, added to the coordinator, your own'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "show" -d 'Print a template or a shared part'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "add" -d 'Add templates to the coordinator, for everybody who submits there'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "check" -d 'Check templates: hostile values, Python\'s own reading, dry runs without packages'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "history" -d 'List the versions of a template with author and time'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l templates -d 'Directory with templates of your own, which win, see docs/templates.md' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l output -d 'Form of the answer' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l templates -d 'Directory with templates of your own, which win, see docs/templates.md' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l as -d 'Place of a single file, such as vlm/test.py.j2' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l output -d 'Form of the answer' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l templates -d 'Directory with templates of your own, which win, see docs/templates.md' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l python -d 'Interpreter to check with [default: python3 in PATH]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l output -d 'Form of the answer' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -l output -d 'Form of the answer' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "list" -d 'List what is in effect: built in, added to the coordinator, your own'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print a template or a shared part'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add templates to the coordinator, for everybody who submits there'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check templates: hostile values, Python\'s own reading, dry runs without packages'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "history" -d 'List the versions of a template with author and time'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand completions" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand completions" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand completions" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand completions" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand completions" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand completions" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -l config -d 'Settings file [default: config.yaml in the settings directory, if it is there]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -l token-file -d 'File with the token, readable by its owner only' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -s v -l verbose -d 'Print more (-vv: everything)'
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -s q -l quiet -d 'Print only results and errors'
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "coordinator" -d 'Start a coordinator: it schedules tests and keeps results'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "worker" -d 'Lend this machine to a coordinator'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "submit" -d 'Send a plan to the coordinator'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "wait" -d 'Wait for a run that was submitted before'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "check" -d 'Check a plan and list its mistakes, without submitting it'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "run" -d 'Test on this machine: coordinator and worker in one process'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "generate" -d 'Write tests for models: a plan, and scripts that run alone'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "report" -d 'Show what is correct, fast, broken or flaky'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "status" -d 'Show the coordinator\'s state and what is running'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "cancel" -d 'Cancel a run: waiting tests end at once, running ones are stopped'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "logs" -d 'Print what a test wrote'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "why" -d 'Explain why a test waits, was skipped, or ended as it did'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "workers" -d 'List workers, or drain one'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "templates" -d 'List, show, add and check templates of tests'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "completions" -d 'Print completions for a shell'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "config-reference" -d 'Print docs/config.md'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "openapi" -d 'Print docs/openapi.json'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate report status cancel logs why workers templates completions config-reference openapi help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from templates" -f -a "list" -d 'List what is in effect: built in, added to the coordinator, your own'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from templates" -f -a "show" -d 'Print a template or a shared part'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from templates" -f -a "add" -d 'Add templates to the coordinator, for everybody who submits there'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from templates" -f -a "check" -d 'Check templates: hostile values, Python\'s own reading, dry runs without packages'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from templates" -f -a "history" -d 'List the versions of a template with author and time'
