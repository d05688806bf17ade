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

complete -c dtf -n "__fish_dtf_needs_command" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_needs_command" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_needs_command" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_needs_command" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_needs_command" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_needs_command" -s V -l version -d 'Print version'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "coordinator" -d 'Start a coordinator, which schedules tests and stores results'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "worker" -d 'Run tests for a coordinator on this machine'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "submit" -d 'Submit the tests of a plan to a coordinator'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "wait" -d 'Wait until a run has finished and print its report'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "check" -d 'Check a plan and list its mistakes without submitting it'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "run" -d 'Run a plan, or tests of models, on this machine'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "generate" -d 'Write tests for models: a plan, and scripts that also run without dtf'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "upgrade" -d 'Compare the tests of a plan before and after an upgrade of packages'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "bisect" -d 'Find the first version of a package with which a test fails or a metric regresses'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "report" -d 'Show results: a matrix, passed, failed and flaky tests, latencies, workers'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "diff" -d 'Show what changed between two runs'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "results" -d 'Judge, mark and query stored results'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "status" -d 'Show the state of the coordinator and its newest runs'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "cancel" -d 'Cancel a run: drop its waiting tests and stop its running ones'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "logs" -d 'Print the output of a test'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "why" -d 'Explain why a test waits, was skipped, or ended as it did'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "debug" -d 'Run a failed model test again to find where its difference begins'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "workers" -d 'List workers, or drain a worker'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "weights" -d 'List, verify, remove and push the weights of models'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "templates" -d 'List, show, add and check test templates'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "log" -d 'Read the event log of a coordinator that is not running'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "detect" -d 'Show the processors, memory and devices of this machine'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "deploy-script" -d 'Write scripts that install and start a worker or a coordinator'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "path" -d 'Convert paths between Windows, POSIX, WSL, MSYS2 and Cygwin'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "config" -d 'Show the settings in effect'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "config-reference" -d 'Print docs/config.md'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "openapi" -d 'Print docs/openapi.json'
complete -c dtf -n "__fish_dtf_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l listen -d 'Address and port to listen on; a non-loopback address requires --token-file [default: 127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l data-dir -d 'Directory of the event log, the results and uploaded files' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l confirm-changes -d 'Run tests again, on the same worker, when a metric seems to be worse than before [default: true]' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l max-run-size -d 'Maximum size of the files of one run, or `none` [default: 64GiB]' -r
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l max-data-size -d 'Maximum size of the data directory, or `none` [default: none]' -r
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l max-weights-size -d 'Maximum size of the weights that clients pushed, or `none` [default: 500GiB]' -r
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l min-free -d 'Free disk space below which uploads and submissions are refused, or `none` [default: 1GiB, or 5 % of the disk if that is less]' -r
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l log-retention -d 'Time for which the event log keeps its records, or `forever` [default: 180d]' -r
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l output -d 'Output format of --check' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l accept-lost-records -d 'Start although the event log has lost records'
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -l check -d 'Check the stored data of a stopped coordinator, change nothing, and exit'
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand coordinator" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l slots -d 'Maximum number of tests that run at the same time [default: number of CPU cores]' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l tags -d 'Tags of this machine, which tests can require; separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l allow-remote-code -d 'Allow tests to run Python code that comes with a model' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l environments-dir -d 'Directory of Python environments; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l weights-dir -d 'Directory of fetched weights; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l weights-cache-size -d 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l python -d 'Python interpreter that environments are built with [default: python3 in PATH]' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l system-packages -d 'Use the packages installed for this interpreter instead of building environments' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l torch-backend -d 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l offline -d 'Do not use the network: build environments from caches only' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l pass-env -d 'Additional environment variables to pass to tests, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l mounts -d 'Directories that have other names on other systems, such as \'D:\\models=/srv/models\', separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l name -d 'Name of this worker in reports [default: the host name]' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l work-dir -d 'Directory of running attempts, files and results that are not yet sent' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l runtimes -d 'Libraries to offer as back-ends: openvino, onnxruntime, …; they are installed and tried first' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l prefetch -d 'Build the environments and fetch the weights for this plan before the worker registers' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l idle-timeout -d 'Exit after this time without a test, such as 10m' -r
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l quiet-machine -d 'Run one test at a time, with all CPU cores: measurements for comparison'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l prefetch-only -d 'Exit after --prefetch, with an error if something is missing'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l ephemeral -d 'Exit when at least one test has run and no tests are left'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -l null-runner -d 'Report every test as passed without running it, to measure the overhead of dtf'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand worker" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l with -d 'Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l wait-timeout -d 'Stop waiting after this time, with exit code 8' -r
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l unschedulable-timeout -d 'Stop waiting, with exit code 102, after this time without a worker for the remaining tests [default: 1m while there are workers, else unlimited]' -r
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l output -d 'Output format of the report with --wait, otherwise of the run id (csv only with --wait)' -r -f -a "table\t''
json\t''
csv\t''"
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l write -d 'Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l junit-dialect -d 'Dialect of JUnit XML' -r -f -a "common\t'With properties of tests and times of attempts'
jenkins-strict\t'Only what the schema of Jenkins allows'"
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l require-weights -d 'Refuse tests with random weights'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l wait -d 'Wait until the run has finished and print its report'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -l fail-on-flaky -d 'Exit with code 100 if a test passed only after a failed attempt'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand submit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l timeout -d 'Stop waiting after this time, with exit code 8' -r
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l unschedulable-timeout -d 'Stop waiting, with exit code 102, after this time without a worker for the remaining tests [default: 1m while there are workers, else unlimited]' -r
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l output -d 'Output format of the report' -r -f -a "table\t''
json\t''
csv\t''"
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l write -d 'Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l junit-dialect -d 'Dialect of JUnit XML' -r -f -a "common\t'With properties of tests and times of attempts'
jenkins-strict\t'Only what the schema of Jenkins allows'"
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand wait" -l fail-on-flaky -d 'Exit with code 100 if a test passed only after a failed attempt'
complete -c dtf -n "__fish_dtf_using_subcommand wait" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand wait" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand wait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand check" -l coordinator -d 'Coordinator that provides templates, the hardware of its workers and earlier measurements' -r
complete -c dtf -n "__fish_dtf_using_subcommand check" -l with -d 'Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand check" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand check" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand check" -l offline -d 'Do not ask the model hub about models that this machine does not know' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand check" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand check" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand check" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand check" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand check" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand run" -l coordinator -d 'Coordinator that provides templates, the hardware of its workers and earlier measurements' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l hw -d 'Back-ends, or `auto` for the CPU and all detected accelerators [default: cpu for generate, auto for run]' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l batch -d 'Batch sizes' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l sequence-length -d 'Sequence lengths, in tokens' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l image-size -d 'Image sizes, in pixels' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l dtype -d 'Data types, such as float32,bfloat16' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l attention -d 'Attention implementations: default, eager, sdpa, `flash_attention_2`' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l runtime -d 'Runtimes that execute the model: torch, onnxruntime, openvino' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l weights -d 'Weights: auto, cached, random, hub, ./directory, path:DIR, owner/model@revision, …' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l exclude -d 'Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l include -d 'Add one combination; give a value for every axis with several values. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l family -d 'Family of the model [default: detected]' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l revision -d 'Revision of the model: a branch, a tag or a commit' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l compare -d 'Another checkpoint of the model, tested and compared with it on the same inputs' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l set -d 'Additional parameter of the template. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l with -d 'Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l slots -d 'Maximum number of tests that run at the same time [default: number of CPU cores]' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l tags -d 'Tags of this machine, which tests can require; separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l allow-remote-code -d 'Allow tests to run Python code that comes with a model' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand run" -l environments-dir -d 'Directory of Python environments; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l weights-dir -d 'Directory of fetched weights; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l weights-cache-size -d 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l python -d 'Python interpreter that environments are built with [default: python3 in PATH]' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l system-packages -d 'Use the packages installed for this interpreter instead of building environments' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand run" -l torch-backend -d 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l offline -d 'Do not use the network: build environments from caches only' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand run" -l pass-env -d 'Additional environment variables to pass to tests, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l mounts -d 'Directories that have other names on other systems, such as \'D:\\models=/srv/models\', separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l data-dir -d 'Directory of the event log and the results [default: `local` in the platform\'s data directory]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l output -d 'Output format of the report or list' -r -f -a "table\t''
json\t''
csv\t''"
complete -c dtf -n "__fish_dtf_using_subcommand run" -l write -d 'Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand run" -l junit-dialect -d 'Dialect of JUnit XML' -r -f -a "common\t'With properties of tests and times of attempts'
jenkins-strict\t'Only what the schema of Jenkins allows'"
complete -c dtf -n "__fish_dtf_using_subcommand run" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand run" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand run" -l dry-run -d 'List the tests and their requirements without running them'
complete -c dtf -n "__fish_dtf_using_subcommand run" -l open -d 'Show the run in the browser, and serve its page until Ctrl-C'
complete -c dtf -n "__fish_dtf_using_subcommand run" -l allow-pickle -d 'Load pickled weights if there are no others; reading a pickle may run code'
complete -c dtf -n "__fish_dtf_using_subcommand run" -l trust-remote-code -d 'Run Python code in the directory of the model; workers must allow it'
complete -c dtf -n "__fish_dtf_using_subcommand run" -l require-weights -d 'Refuse tests with random weights'
complete -c dtf -n "__fish_dtf_using_subcommand run" -l quiet-machine -d 'Run one test at a time, with all CPU cores: measurements for comparison'
complete -c dtf -n "__fish_dtf_using_subcommand run" -l fail-on-flaky -d 'Exit with code 100 if a test passed only after a failed attempt'
complete -c dtf -n "__fish_dtf_using_subcommand run" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand run" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l coordinator -d 'Coordinator that provides templates, the hardware of its workers and earlier measurements' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l hw -d 'Back-ends, or `auto` for the CPU and all detected accelerators [default: cpu for generate, auto for run]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l batch -d 'Batch sizes' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l sequence-length -d 'Sequence lengths, in tokens' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l image-size -d 'Image sizes, in pixels' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l dtype -d 'Data types, such as float32,bfloat16' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l attention -d 'Attention implementations: default, eager, sdpa, `flash_attention_2`' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l runtime -d 'Runtimes that execute the model: torch, onnxruntime, openvino' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l weights -d 'Weights: auto, cached, random, hub, ./directory, path:DIR, owner/model@revision, …' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l exclude -d 'Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l include -d 'Add one combination; give a value for every axis with several values. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l family -d 'Family of the model [default: detected]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l revision -d 'Revision of the model: a branch, a tag or a commit' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l compare -d 'Another checkpoint of the model, tested and compared with it on the same inputs' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l set -d 'Additional parameter of the template. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l with -d 'Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l from-pytest -d 'Generate tests from this directory or file of a pytest suite' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l shard-time -d 'Maximum expected time of one shard [default: a quarter of the suite, between 10s and 1m]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l durations -d 'Measured times of the tests: a JUnit file (.xml) or `.test_durations` of pytest-split' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l files -d 'Additional files that the tests need, relative to the root directory. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l env -d 'Environment variable for the collection and for the tests. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l out -d 'Directory to write the plan and the scripts to [default: dtf-tests]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l graph -d 'Print the dependencies of the tests, as text or for Graphviz, without writing files' -r -f -a "text\t''
dot\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l output -d 'Output format of the list or report; csv only with --dry-run, --run or --submit --wait' -r -f -a "table\t''
json\t''
csv\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l write -d 'Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l junit-dialect -d 'Dialect of JUnit XML' -r -f -a "common\t'With properties of tests and times of attempts'
jenkins-strict\t'Only what the schema of Jenkins allows'"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l wait-timeout -d 'Stop waiting after this time, with exit code 8' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l unschedulable-timeout -d 'Stop waiting, with exit code 102, after this time without a worker for the remaining tests [default: 1m while there are workers, else unlimited]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l slots -d 'Maximum number of tests that run at the same time [default: number of CPU cores]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l tags -d 'Tags of this machine, which tests can require; separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l allow-remote-code -d 'Allow tests to run Python code that comes with a model' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l environments-dir -d 'Directory of Python environments; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l weights-dir -d 'Directory of fetched weights; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l weights-cache-size -d 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l python -d 'Python interpreter that environments are built with [default: python3 in PATH]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l system-packages -d 'Use the packages installed for this interpreter instead of building environments' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l torch-backend -d 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l offline -d 'Do not use the network: build environments from caches only' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l pass-env -d 'Additional environment variables to pass to tests, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l mounts -d 'Directories that have other names on other systems, such as \'D:\\models=/srv/models\', separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l data-dir -d 'Directory of the event log and the results [default: `local` in the platform\'s data directory]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l allow-pickle -d 'Load pickled weights if there are no others; reading a pickle may run code'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l trust-remote-code -d 'Run Python code in the directory of the model; workers must allow it'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l require-weights -d 'Refuse tests with random weights'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l force -d 'Write to a directory that is not empty, and overwrite files'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l dry-run -d 'List the tests and their requirements without writing files'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l explain -d 'Explain family, properties and test priorities of each model without writing files'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l submit -d 'Submit the tests to the coordinator'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l run -d 'Run the tests on this machine'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l fail-on-flaky -d 'Exit with code 100 if a test passed only after a failed attempt'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l wait -d 'Wait until the run has finished and print its report'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -l quiet-machine -d 'Run one test at a time, with all CPU cores: measurements for comparison'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l from -d 'Packages before the upgrade [default: as the plan resolves today]. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l plan -d 'Plan file with the tests' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l model -d 'Model to test instead of a plan. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l rounds -d 'Maximum number of rounds in which results that differ are measured again' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l output -d 'Output format of the report' -r -f -a "table\t''
json\t''
csv\t''
markdown\t''"
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l hw -d 'Back-ends, or `auto` for the CPU and all detected accelerators [default: cpu for generate, auto for run]' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l batch -d 'Batch sizes' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l sequence-length -d 'Sequence lengths, in tokens' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l image-size -d 'Image sizes, in pixels' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l dtype -d 'Data types, such as float32,bfloat16' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l attention -d 'Attention implementations: default, eager, sdpa, `flash_attention_2`' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l runtime -d 'Runtimes that execute the model: torch, onnxruntime, openvino' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l weights -d 'Weights: auto, cached, random, hub, ./directory, path:DIR, owner/model@revision, …' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l exclude -d 'Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l include -d 'Add one combination; give a value for every axis with several values. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l family -d 'Family of the model [default: detected]' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l revision -d 'Revision of the model: a branch, a tag or a commit' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l compare -d 'Another checkpoint of the model, tested and compared with it on the same inputs' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l set -d 'Additional parameter of the template. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l coordinator -d 'Coordinator whose workers run the tests [default: this machine]' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l slots -d 'Maximum number of tests that run at the same time [default: number of CPU cores]' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l tags -d 'Tags of this machine, which tests can require; separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l allow-remote-code -d 'Allow tests to run Python code that comes with a model' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l environments-dir -d 'Directory of Python environments; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l weights-dir -d 'Directory of fetched weights; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l weights-cache-size -d 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l python -d 'Python interpreter that environments are built with [default: python3 in PATH]' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l system-packages -d 'Use the packages installed for this interpreter instead of building environments' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l torch-backend -d 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l offline -d 'Do not use the network: build environments from caches only' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l pass-env -d 'Additional environment variables to pass to tests, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l mounts -d 'Directories that have other names on other systems, such as \'D:\\models=/srv/models\', separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l data-dir -d 'Directory of the event log and the results [default: `local` in the platform\'s data directory]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l allow-pickle -d 'Load pickled weights if there are no others; reading a pickle may run code'
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l trust-remote-code -d 'Run Python code in the directory of the model; workers must allow it'
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l require-weights -d 'Refuse tests with random weights'
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -l quiet-machine -d 'Run one test at a time, with all CPU cores: measurements for comparison'
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand upgrade" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l package -d 'Package whose versions are searched' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l good -d 'Version or commit with which the test passes' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l bad -d 'Version or commit with which it fails' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l plan -d 'Plan file with the test' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l metric -d 'Search for a regression of this metric, such as `latency_seconds`, instead of a failure' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l commits -d 'Git repository of the package: search its commits instead of versions' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l versions -d 'Search these versions, the oldest first, instead of those of the package index' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l output -d 'Output format of the result' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l hw -d 'Back-ends, or `auto` for the CPU and all detected accelerators [default: cpu for generate, auto for run]' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l batch -d 'Batch sizes' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l sequence-length -d 'Sequence lengths, in tokens' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l image-size -d 'Image sizes, in pixels' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l dtype -d 'Data types, such as float32,bfloat16' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l attention -d 'Attention implementations: default, eager, sdpa, `flash_attention_2`' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l runtime -d 'Runtimes that execute the model: torch, onnxruntime, openvino' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l weights -d 'Weights: auto, cached, random, hub, ./directory, path:DIR, owner/model@revision, …' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l exclude -d 'Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l include -d 'Add one combination; give a value for every axis with several values. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l family -d 'Family of the model [default: detected]' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l revision -d 'Revision of the model: a branch, a tag or a commit' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l compare -d 'Another checkpoint of the model, tested and compared with it on the same inputs' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l set -d 'Additional parameter of the template. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l coordinator -d 'Coordinator whose workers run the tests [default: this machine]' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l slots -d 'Maximum number of tests that run at the same time [default: number of CPU cores]' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l tags -d 'Tags of this machine, which tests can require; separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l allow-remote-code -d 'Allow tests to run Python code that comes with a model' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l environments-dir -d 'Directory of Python environments; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l weights-dir -d 'Directory of fetched weights; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l weights-cache-size -d 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l python -d 'Python interpreter that environments are built with [default: python3 in PATH]' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l system-packages -d 'Use the packages installed for this interpreter instead of building environments' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l torch-backend -d 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l offline -d 'Do not use the network: build environments from caches only' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l pass-env -d 'Additional environment variables to pass to tests, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l mounts -d 'Directories that have other names on other systems, such as \'D:\\models=/srv/models\', separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l data-dir -d 'Directory of the event log and the results [default: `local` in the platform\'s data directory]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l pre -d 'Include pre-releases'
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l allow-pickle -d 'Load pickled weights if there are no others; reading a pickle may run code'
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l trust-remote-code -d 'Run Python code in the directory of the model; workers must allow it'
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l require-weights -d 'Refuse tests with random weights'
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -l quiet-machine -d 'Run one test at a time, with all CPU cores: measurements for comparison'
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand bisect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand report" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l data-dir -d 'Read results from this data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand report" -l since -d 'Include runs submitted in this period, such as 7d, or since a date, such as 2026-11-28 [default: 7d]' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l run -d 'Include only this run, such as r12 or `latest`. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l between -d 'Include only runs between two dates or two runs, such as --between r12 r20' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l model -d 'Include only these models; `*` matches any text. Separate several by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l hw -d 'Include only this hardware: back-ends or products of devices' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l worker -d 'Include only tests that ran on these workers' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l family -d 'Include only these families of models' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l status -d 'Include only tests in these states: outcomes, `flaky`, or `pending`' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l group-by -d 'Rows of the matrix' -r -f -a "model\t''
family\t''
worker\t''
dtype\t''
batch\t''
runtime\t''
template\t''
kind\t''"
complete -c dtf -n "__fish_dtf_using_subcommand report" -l metric -d 'Metric of the matrix, and of the history in the HTML report [default: `latency_seconds`]' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l limit -d 'Maximum number of tests to show [default: 1000 in a table, otherwise 100000]' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l output -d 'Output format' -r -f -a "table\t'Tables that fit the width of the terminal'
json\t'One JSON document, see docs/results.md'
ndjson\t'One line of JSON for each test'
csv\t'A row for each test, for spreadsheets'
markdown\t'Markdown, for summaries of CI systems'
html\t'A page with everything, in one file that needs no network'
junit\t'JUnit XML, for CI systems'
ctrf\t'Common Test Report Format, JSON'
bencher\t'Metrics for Bencher, JSON'"
complete -c dtf -n "__fish_dtf_using_subcommand report" -l write -d 'Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand report" -l junit-dialect -d 'Dialect of JUnit XML' -r -f -a "common\t'With properties of tests and times of attempts'
jenkins-strict\t'Only what the schema of Jenkins allows'"
complete -c dtf -n "__fish_dtf_using_subcommand report" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand report" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand report" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand report" -l exit-code -d 'Exit with a code for the results (see `dtf --help`); 8 if tests are still pending'
complete -c dtf -n "__fish_dtf_using_subcommand report" -l fail-on-flaky -d 'With --exit-code: exit with code 100 if a test passed only after a failed attempt'
complete -c dtf -n "__fish_dtf_using_subcommand report" -l open -d 'Show the dashboard, or the page of one run, in the browser instead of printing'
complete -c dtf -n "__fish_dtf_using_subcommand report" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand report" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand diff" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand diff" -l data-dir -d 'Read results from this data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand diff" -l limit -d 'Maximum number of tests to list' -r
complete -c dtf -n "__fish_dtf_using_subcommand diff" -l output -d 'Output format' -r -f -a "table\t''
json\t''
csv\t''
markdown\t''"
complete -c dtf -n "__fish_dtf_using_subcommand diff" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand diff" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand diff" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand diff" -l exit-code -d 'Exit with code 100 if a test newly fails or a regression is confirmed, of a test or of many tests of a worker'
complete -c dtf -n "__fish_dtf_using_subcommand diff" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand diff" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "accept" -d 'Accept a change: later results are compared with the new values'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "quarantine" -d 'List, add or remove quarantines of tests'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "flaky" -d 'Show flaky tests, and the rates of failures of workers and back-ends'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "query" -d 'Answer a query in SQL'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "export" -d 'Write all tables as Parquet files'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "import" -d 'Add exported results of another coordinator, to compare with them'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "gc" -d 'Remove old runs, and shrink the files'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "rebuild" -d 'Write the results database anew from the event log'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "segments" -d 'Divide histories from standard input into segments'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "answer" -d 'Answer a query for another process'
complete -c dtf -n "__fish_dtf_using_subcommand results; and not __fish_seen_subcommand_from accept quarantine flaky query export import gc rebuild segments answer help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -l metric -d 'Accept only this metric, such as `latency_seconds`' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -l reason -d 'Why the change is intended' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -l remove -d 'Remove an acceptance, given by its id' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -l data-dir -d 'Read results from this data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -l list -d 'List acceptances'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from accept" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from quarantine" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from quarantine" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from quarantine" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from quarantine" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from quarantine" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from quarantine" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from quarantine" -f -a "add" -d 'Put tests into quarantine'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from quarantine" -f -a "list" -d 'List quarantines'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from quarantine" -f -a "remove" -d 'End a quarantine before it expires'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from quarantine" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -l since -d 'Include attempts of this period, such as 7d, or since a date [default: 30d]' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -l limit -d 'Maximum number of tests to show' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -l data-dir -d 'Read results from this data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from flaky" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -l data-dir -d 'Read results from this data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -l output -d 'Output format' -r -f -a "table\t''
csv\t''
json\t''
parquet\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -l file -d 'File to write instead of standard output; it must not exist' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -l limit -d 'Maximum number of rows [default: 1000 in a table, otherwise 1000000]' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -l memory -d 'Maximum working memory; a query that needs more is stopped [default: 1GiB]' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -l timeout -d 'Maximum time; a query that takes longer is stopped' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from query" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from export" -l parquet -d 'Directory to create' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from export" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from export" -l data-dir -d 'Read results from this data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from export" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from export" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from export" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from import" -l name -d 'Name of the imported results: letters, digits, `-` and `_` [default: that of the directory]' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from import" -l data-dir -d 'Data directory of `dtf run` or of a coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from import" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from import" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from import" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from import" -l replace -d 'Replace imported results of this name'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from gc" -l keep -d 'Period of which the results are kept, such as 180d' -r
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from gc" -l data-dir -d 'Data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from gc" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from gc" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from gc" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from gc" -l dry-run -d 'Show what would be removed, and change nothing'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from gc" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from gc" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from gc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from rebuild" -l data-dir -d 'Data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from rebuild" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from rebuild" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from rebuild" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from rebuild" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from rebuild" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from rebuild" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from segments" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from segments" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from segments" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from segments" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from segments" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from segments" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from answer" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from answer" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from answer" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from answer" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from answer" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from answer" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "accept" -d 'Accept a change: later results are compared with the new values'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "quarantine" -d 'List, add or remove quarantines of tests'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "flaky" -d 'Show flaky tests, and the rates of failures of workers and back-ends'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "query" -d 'Answer a query in SQL'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write all tables as Parquet files'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "import" -d 'Add exported results of another coordinator, to compare with them'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "gc" -d 'Remove old runs, and shrink the files'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "rebuild" -d 'Write the results database anew from the event log'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "segments" -d 'Divide histories from standard input into segments'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "answer" -d 'Answer a query for another process'
complete -c dtf -n "__fish_dtf_using_subcommand results; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand status" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand status" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand status" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand status" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand status" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand status" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand status" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand status" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand cancel" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand logs" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand logs" -l data-dir -d 'Read results from this data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand logs" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand logs" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand logs" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand logs" -s f -l follow -d 'Continue to print output until the attempt ends'
complete -c dtf -n "__fish_dtf_using_subcommand logs" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand logs" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand logs" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand why" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand why" -l data-dir -d 'Read results from this data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand why" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand why" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand why" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand why" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand why" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand why" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand why" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l data-dir -d 'Read results from this data directory of `dtf run` or of a stopped coordinator' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l run -d 'Run in which the test is searched by name: its id, or `latest` [default: the newest that has it]' -r
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l into -d 'Directory in which the files are saved [default: dtf-debug-RUN, of the new run]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l slots -d 'Maximum number of tests that run at the same time [default: number of CPU cores]' -r
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l tags -d 'Tags of this machine, which tests can require; separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l allow-remote-code -d 'Allow tests to run Python code that comes with a model' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l environments-dir -d 'Directory of Python environments; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l weights-dir -d 'Directory of fetched weights; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l weights-cache-size -d 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]' -r
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l python -d 'Python interpreter that environments are built with [default: python3 in PATH]' -r
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l system-packages -d 'Use the packages installed for this interpreter instead of building environments' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l torch-backend -d 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]' -r
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l offline -d 'Do not use the network: build environments from caches only' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l pass-env -d 'Additional environment variables to pass to tests, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l mounts -d 'Directories that have other names on other systems, such as \'D:\\models=/srv/models\', separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand debug" -l quiet-machine -d 'Run one test at a time, with all CPU cores: measurements for comparison'
complete -c dtf -n "__fish_dtf_using_subcommand debug" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand debug" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand debug" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l drain -d 'Send no new tests to this worker, given by its id or its unique name' -r
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l undrain -d 'Send tests to this worker again' -r
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand workers" -l all -d 'Include workers that have left'
complete -c dtf -n "__fish_dtf_using_subcommand workers" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand workers" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand workers" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -f -a "list" -d 'List stored weights, those that were used last first'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -f -a "verify" -d 'Read stored weights and compare them with their digests'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -f -a "remove" -d 'Remove stored weights that no waiting or running test needs'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -f -a "push" -d 'Send the weights in a directory to the coordinator, before tests need them'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and not __fish_seen_subcommand_from list verify remove push help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from list" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from list" -l weights-dir -d 'Directory of fetched weights, with --local' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from list" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from list" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from list" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from list" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from list" -l local -d 'Use the fetched weights of the workers of this machine, not those of the coordinator'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from verify" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from verify" -l weights-dir -d 'Directory of fetched weights, with --local' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from verify" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from verify" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from verify" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from verify" -l local -d 'Use the fetched weights of the workers of this machine, not those of the coordinator'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from remove" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from remove" -l weights-dir -d 'Directory of fetched weights, with --local' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from remove" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from remove" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from remove" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from remove" -l local -d 'Use the fetched weights of the workers of this machine, not those of the coordinator'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from push" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from push" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from push" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from push" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from push" -l remote-code -d 'Include the Python files of the directories, for models with their own code'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from push" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from push" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from push" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from help" -f -a "list" -d 'List stored weights, those that were used last first'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Read stored weights and compare them with their digests'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove stored weights that no waiting or running test needs'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from help" -f -a "push" -d 'Send the weights in a directory to the coordinator, before tests need them'
complete -c dtf -n "__fish_dtf_using_subcommand weights; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "list" -d 'List the templates in effect: built-in ones, those of the coordinator and your own'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "show" -d 'Print a template or a shared part of templates'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "add" -d 'Add templates to the coordinator, for all users of it'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "check" -d 'Check templates: render, parse and dry-run their scripts'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "history" -d 'List the versions of a template, with author and time'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and not __fish_seen_subcommand_from list show add check history help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l as -d 'Path of a single template, such as vlm/test.py.j2' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l python -d 'Python interpreter for the check [default: python3 in PATH]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the templates in effect: built-in ones, those of the coordinator and your own'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print a template or a shared part of templates'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add templates to the coordinator, for all users of it'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check templates: render, parse and dry-run their scripts'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "history" -d 'List the versions of a template, with author and time'
complete -c dtf -n "__fish_dtf_using_subcommand templates; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand log; and not __fish_seen_subcommand_from dump export help" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand log; and not __fish_seen_subcommand_from dump export help" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand log; and not __fish_seen_subcommand_from dump export help" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand log; and not __fish_seen_subcommand_from dump export help" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand log; and not __fish_seen_subcommand_from dump export help" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand log; and not __fish_seen_subcommand_from dump export help" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand log; and not __fish_seen_subcommand_from dump export help" -f -a "dump" -d 'Print the records of the log as JSON, one per line'
complete -c dtf -n "__fish_dtf_using_subcommand log; and not __fish_seen_subcommand_from dump export help" -f -a "export" -d 'Write the readable records to a new log'
complete -c dtf -n "__fish_dtf_using_subcommand log; and not __fish_seen_subcommand_from dump export help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from dump" -l data-dir -d 'Directory of the event log' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from dump" -l after -d 'Print only records with a greater number' -r
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from dump" -l limit -d 'Maximum number of records' -r
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from dump" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from dump" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from dump" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from dump" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from dump" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from dump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from export" -l data-dir -d 'Directory of the event log' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from export" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from export" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from export" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "dump" -d 'Print the records of the log as JSON, one per line'
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write the readable records to a new log'
complete -c dtf -n "__fish_dtf_using_subcommand log; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand detect" -l fake-root -d 'Directory with recorded files of another machine, instead of those of this one' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand detect" -l environments-dir -d 'Directory of the Python environments whose answers about devices --explain shows' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand detect" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand detect" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand detect" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand detect" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand detect" -l json -d 'Print one JSON document'
complete -c dtf -n "__fish_dtf_using_subcommand detect" -l explain -d 'Show the source of each fact: the files and programs that were read'
complete -c dtf -n "__fish_dtf_using_subcommand detect" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand detect" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand detect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l target -d 'Platform of the machine' -r -f -a "linux\t''
macos\t''
windows\t''
docker\t''
kubernetes\t''
slurm\t''"
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l coordinator -d 'Address of the coordinator, as the machine reaches it' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l role -d 'Part of dtf that runs on the machine' -r -f -a "worker\t''
coordinator\t''"
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l mode -d 'How the platform starts and restarts it [default: the first one of the target]' -r -f -a "system\t''
user\t''
nohup\t''
daemon\t''
agent\t''
task\t''
service\t''
compose\t''
deployment\t''
job\t''
batch\t''"
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l out -d 'Directory of the files [default: dtf-deploy-ID]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l id -d 'Name of service, files and objects [default: dtf-worker or dtf-coordinator]' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l name -d 'Display name of the worker in reports [default: the name of its host, pod or job]' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l binary -d 'Source of the program' -r -f -a "file\t'The file dtf beside the script'
coordinator\t'The program of the coordinator, checked by its SHA-256'
package\t'The Python package dtf'"
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l index -d 'Package index from which --binary package installs dtf' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l prefix -d 'Directory of the installation on the machine [default: depends on the mode, see docs/deploy.md]' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l env -d 'Environment variable of the program; secrets are refused. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l drain -d 'Time that running tests have to end when the worker is stopped' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l slots -d 'Maximum number of tests at a time, 1 to 4096 [default: one for each core]' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l tags -d 'Labels that tests can require' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l idle-timeout -d 'Exit after this time without a test, such as 10m' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l hw -d 'Accelerators of a container or a batch job' -r -f -a "cpu\t''
cuda\t''
rocm\t''"
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l gpus -d 'Number of accelerators of each container or job [default: 1, without --hw 0]' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l cpus -d 'Maximum number of cores' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l memory -d 'Maximum memory, such as 64GiB' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l replicas -d 'Number of pods or batch jobs' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l time-limit -d 'Maximum time of a batch job [default: 4h]' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l partition -d 'Partition of the Slurm cluster' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l device-group -d 'Number of the group that owns the devices of a Kubernetes node with --hw rocm' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l image -d 'Name of the container image [default: dtf-HW:VERSION]' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l base-image -d 'Image that the container image is built on [default: one for --hw]' -r
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l startup-only -d 'Write only the script that starts it, without installation'
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -l dry-run -d 'Print the files instead of writing them'
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand deploy-script" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand path; and not __fish_seen_subcommand_from convert help" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand path; and not __fish_seen_subcommand_from convert help" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand path; and not __fish_seen_subcommand_from convert help" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand path; and not __fish_seen_subcommand_from convert help" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand path; and not __fish_seen_subcommand_from convert help" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand path; and not __fish_seen_subcommand_from convert help" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand path; and not __fish_seen_subcommand_from convert help" -f -a "convert" -d 'Convert paths to the form of another system'
complete -c dtf -n "__fish_dtf_using_subcommand path; and not __fish_seen_subcommand_from convert help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -l to -d 'System that uses the results' -r -f -a "windows\t''
posix\t''
wsl\t''
msys\t''
cygwin\t''"
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -l from -d 'System that the paths come from; drives of MSYS2 need it [default: recognised]' -r -f -a "windows\t''
posix\t''
wsl\t''
msys\t''
cygwin\t''"
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -l mount -d 'Directory with another name on the other system, such as \'D:\\models=/srv/models\'. Repeatable' -r
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -l wsl-root -d 'Directory of the drives in WSL' -r
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -l distribution -d 'Name of the WSL distribution, such as Ubuntu' -r
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -l list -d 'Treat each PATH as a list like that of the PATH variable'
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from convert" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from help" -f -a "convert" -d 'Convert paths to the form of another system'
complete -c dtf -n "__fish_dtf_using_subcommand path; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand config; and not __fish_seen_subcommand_from show path help" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and not __fish_seen_subcommand_from show path help" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and not __fish_seen_subcommand_from show path help" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand config; and not __fish_seen_subcommand_from show path help" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand config; and not __fish_seen_subcommand_from show path help" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand config; and not __fish_seen_subcommand_from show path help" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand config; and not __fish_seen_subcommand_from show path help" -f -a "show" -d 'Print each setting with its value'
complete -c dtf -n "__fish_dtf_using_subcommand config; and not __fish_seen_subcommand_from show path help" -f -a "path" -d 'Print the path of the settings file, whether it exists or not'
complete -c dtf -n "__fish_dtf_using_subcommand config; and not __fish_seen_subcommand_from show path help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l output -d 'Output format' -r -f -a "table\t''
json\t''"
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l listen -d 'Address and port to listen on; a non-loopback address requires --token-file [default: 127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l data-dir -d 'Directory of the event log, the results and uploaded files' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l confirm-changes -d 'Run tests again, on the same worker, when a metric seems to be worse than before [default: true]' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l max-run-size -d 'Maximum size of the files of one run, or `none` [default: 64GiB]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l max-data-size -d 'Maximum size of the data directory, or `none` [default: none]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l max-weights-size -d 'Maximum size of the weights that clients pushed, or `none` [default: 500GiB]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l min-free -d 'Free disk space below which uploads and submissions are refused, or `none` [default: 1GiB, or 5 % of the disk if that is less]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l log-retention -d 'Time for which the event log keeps its records, or `forever` [default: 180d]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l coordinator -d 'Address of the coordinator [default: http://127.0.0.1:7700]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l slots -d 'Maximum number of tests that run at the same time [default: number of CPU cores]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l tags -d 'Tags of this machine, which tests can require; separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l allow-remote-code -d 'Allow tests to run Python code that comes with a model' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l environments-dir -d 'Directory of Python environments; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l weights-dir -d 'Directory of fetched weights; several workers may share it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l weights-cache-size -d 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l python -d 'Python interpreter that environments are built with [default: python3 in PATH]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l system-packages -d 'Use the packages installed for this interpreter instead of building environments' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l torch-backend -d 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l offline -d 'Do not use the network: build environments from caches only' -r -f -a "true\t''
false\t''"
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l pass-env -d 'Additional environment variables to pass to tests, separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l mounts -d 'Directories that have other names on other systems, such as \'D:\\models=/srv/models\', separated by commas' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l templates -d 'Directory of your templates; they override built-in ones (see docs/templates.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l backends -d 'File with your back-ends, and changes of known ones (see docs/backends.md)' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l name -d 'Name of this worker in reports [default: the host name]' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l work-dir -d 'Directory of running attempts, files and results that are not yet sent' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l runtimes -d 'Libraries to offer as back-ends: openvino, onnxruntime, …; they are installed and tried first' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l prefetch -d 'Build the environments and fetch the weights for this plan before the worker registers' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l idle-timeout -d 'Exit after this time without a test, such as 10m' -r
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Print where each value comes from'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l quiet-machine -d 'Run one test at a time, with all CPU cores: measurements for comparison'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l prefetch-only -d 'Exit after --prefetch, with an error if something is missing'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l ephemeral -d 'Exit when at least one test has run and no tests are left'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -l null-runner -d 'Report every test as passed without running it, to measure the overhead of dtf'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from path" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from path" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from path" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print each setting with its value'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "path" -d 'Print the path of the settings file, whether it exists or not'
complete -c dtf -n "__fish_dtf_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand completions" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand completions" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand completions" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand completions" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand completions" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand completions" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand config-reference" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -l config -d 'Settings file [default: config.yaml in the settings directory, if it exists]' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -l token-file -d 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it' -r -F
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -l color -d 'When to print colours' -r -f -a "auto\t''
always\t''
never\t''"
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -s v -l verbose -d 'Print more log messages (-vv for debug messages)'
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -s q -l quiet -d 'Print only results, warnings and errors'
complete -c dtf -n "__fish_dtf_using_subcommand openapi" -s h -l help -d 'Print help'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "coordinator" -d 'Start a coordinator, which schedules tests and stores results'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "worker" -d 'Run tests for a coordinator on this machine'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "submit" -d 'Submit the tests of a plan to a coordinator'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "wait" -d 'Wait until a run has finished and print its report'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "check" -d 'Check a plan and list its mistakes without submitting it'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "run" -d 'Run a plan, or tests of models, on this machine'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "generate" -d 'Write tests for models: a plan, and scripts that also run without dtf'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "upgrade" -d 'Compare the tests of a plan before and after an upgrade of packages'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "bisect" -d 'Find the first version of a package with which a test fails or a metric regresses'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "report" -d 'Show results: a matrix, passed, failed and flaky tests, latencies, workers'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "diff" -d 'Show what changed between two runs'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "results" -d 'Judge, mark and query stored results'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "status" -d 'Show the state of the coordinator and its newest runs'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "cancel" -d 'Cancel a run: drop its waiting tests and stop its running ones'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "logs" -d 'Print the output of a test'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "why" -d 'Explain why a test waits, was skipped, or ended as it did'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "debug" -d 'Run a failed model test again to find where its difference begins'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "workers" -d 'List workers, or drain a worker'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "weights" -d 'List, verify, remove and push the weights of models'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "templates" -d 'List, show, add and check test templates'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "log" -d 'Read the event log of a coordinator that is not running'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "detect" -d 'Show the processors, memory and devices of this machine'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "deploy-script" -d 'Write scripts that install and start a worker or a coordinator'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "path" -d 'Convert paths between Windows, POSIX, WSL, MSYS2 and Cygwin'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "config" -d 'Show the settings in effect'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "config-reference" -d 'Print docs/config.md'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "openapi" -d 'Print docs/openapi.json'
complete -c dtf -n "__fish_dtf_using_subcommand help; and not __fish_seen_subcommand_from coordinator worker submit wait check run generate upgrade bisect report diff results status cancel logs why debug workers weights templates log detect deploy-script path config completions config-reference openapi help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "accept" -d 'Accept a change: later results are compared with the new values'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "quarantine" -d 'List, add or remove quarantines of tests'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "flaky" -d 'Show flaky tests, and the rates of failures of workers and back-ends'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "query" -d 'Answer a query in SQL'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "export" -d 'Write all tables as Parquet files'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "import" -d 'Add exported results of another coordinator, to compare with them'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "gc" -d 'Remove old runs, and shrink the files'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "rebuild" -d 'Write the results database anew from the event log'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "segments" -d 'Divide histories from standard input into segments'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from results" -f -a "answer" -d 'Answer a query for another process'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from weights" -f -a "list" -d 'List stored weights, those that were used last first'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from weights" -f -a "verify" -d 'Read stored weights and compare them with their digests'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from weights" -f -a "remove" -d 'Remove stored weights that no waiting or running test needs'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from weights" -f -a "push" -d 'Send the weights in a directory to the coordinator, before tests need them'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from templates" -f -a "list" -d 'List the templates in effect: built-in ones, those of the coordinator and your own'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from templates" -f -a "show" -d 'Print a template or a shared part of templates'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from templates" -f -a "add" -d 'Add templates to the coordinator, for all users of it'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from templates" -f -a "check" -d 'Check templates: render, parse and dry-run their scripts'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from templates" -f -a "history" -d 'List the versions of a template, with author and time'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from log" -f -a "dump" -d 'Print the records of the log as JSON, one per line'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from log" -f -a "export" -d 'Write the readable records to a new log'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from path" -f -a "convert" -d 'Convert paths to the form of another system'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print each setting with its value'
complete -c dtf -n "__fish_dtf_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "path" -d 'Print the path of the settings file, whether it exists or not'
