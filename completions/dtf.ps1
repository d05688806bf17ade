
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'dtf' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'dtf'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'dtf' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('coordinator', 'coordinator', [CompletionResultType]::ParameterValue, 'Start a coordinator, which schedules tests and stores results')
            [CompletionResult]::new('worker', 'worker', [CompletionResultType]::ParameterValue, 'Run tests for a coordinator on this machine')
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Submit the tests of a plan to a coordinator')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait until a run has finished and print its report')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check a plan and list its mistakes without submitting it')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a plan, or tests of models, on this machine')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write tests for models: a plan, and scripts that also run without dtf')
            [CompletionResult]::new('upgrade', 'upgrade', [CompletionResultType]::ParameterValue, 'Compare the tests of a plan before and after an upgrade of packages')
            [CompletionResult]::new('bisect', 'bisect', [CompletionResultType]::ParameterValue, 'Find the first version of a package with which a test fails or a metric regresses')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Show results: a matrix, passed, failed and flaky tests, latencies, workers')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show what changed between two runs')
            [CompletionResult]::new('results', 'results', [CompletionResultType]::ParameterValue, 'Judge, mark and query stored results')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the state of the coordinator and its newest runs')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel a run: drop its waiting tests and stop its running ones')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Print the output of a test')
            [CompletionResult]::new('why', 'why', [CompletionResultType]::ParameterValue, 'Explain why a test waits, was skipped, or ended as it did')
            [CompletionResult]::new('debug', 'debug', [CompletionResultType]::ParameterValue, 'Run a failed model test again to find where its difference begins')
            [CompletionResult]::new('workers', 'workers', [CompletionResultType]::ParameterValue, 'List workers, or drain a worker')
            [CompletionResult]::new('weights', 'weights', [CompletionResultType]::ParameterValue, 'List, verify, remove and push the weights of models')
            [CompletionResult]::new('templates', 'templates', [CompletionResultType]::ParameterValue, 'List, show, add and check test templates')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Read the event log of a coordinator that is not running')
            [CompletionResult]::new('detect', 'detect', [CompletionResultType]::ParameterValue, 'Show the processors, memory and devices of this machine')
            [CompletionResult]::new('deploy-script', 'deploy-script', [CompletionResultType]::ParameterValue, 'Write scripts that install and start a worker or a coordinator')
            [CompletionResult]::new('path', 'path', [CompletionResultType]::ParameterValue, 'Convert paths between Windows, POSIX, WSL, MSYS2 and Cygwin')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show the settings in effect')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('config-reference', 'config-reference', [CompletionResultType]::ParameterValue, 'Print docs/config.md')
            [CompletionResult]::new('openapi', 'openapi', [CompletionResultType]::ParameterValue, 'Print docs/openapi.json')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;coordinator' {
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Address and port to listen on; a non-loopback address requires --token-file [default: 127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of the event log, the results and uploaded files')
            [CompletionResult]::new('--confirm-changes', '--confirm-changes', [CompletionResultType]::ParameterName, 'Run tests again, on the same worker, when a metric seems to be worse than before [default: true]')
            [CompletionResult]::new('--max-run-size', '--max-run-size', [CompletionResultType]::ParameterName, 'Maximum size of the files of one run, or `none` [default: 64GiB]')
            [CompletionResult]::new('--max-data-size', '--max-data-size', [CompletionResultType]::ParameterName, 'Maximum size of the data directory, or `none` [default: none]')
            [CompletionResult]::new('--max-weights-size', '--max-weights-size', [CompletionResultType]::ParameterName, 'Maximum size of the weights that clients pushed, or `none` [default: 500GiB]')
            [CompletionResult]::new('--min-free', '--min-free', [CompletionResultType]::ParameterName, 'Free disk space below which uploads and submissions are refused, or `none` [default: 1GiB, or 5 % of the disk if that is less]')
            [CompletionResult]::new('--log-retention', '--log-retention', [CompletionResultType]::ParameterName, 'Time for which the event log keeps its records, or `forever` [default: 180d]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format of --check')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--accept-lost-records', '--accept-lost-records', [CompletionResultType]::ParameterName, 'Start although the event log has lost records')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Check the stored data of a stopped coordinator, change nothing, and exit')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;worker' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests that run at the same time [default: number of CPU cores]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Tags of this machine, which tests can require; separated by commas')
            [CompletionResult]::new('--allow-remote-code', '--allow-remote-code', [CompletionResultType]::ParameterName, 'Allow tests to run Python code that comes with a model')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of Python environments; several workers may share it')
            [CompletionResult]::new('--weights-dir', '--weights-dir', [CompletionResultType]::ParameterName, 'Directory of fetched weights; several workers may share it')
            [CompletionResult]::new('--weights-cache-size', '--weights-cache-size', [CompletionResultType]::ParameterName, 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python interpreter that environments are built with [default: python3 in PATH]')
            [CompletionResult]::new('--system-packages', '--system-packages', [CompletionResultType]::ParameterName, 'Use the packages installed for this interpreter instead of building environments')
            [CompletionResult]::new('--torch-backend', '--torch-backend', [CompletionResultType]::ParameterName, 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not use the network: build environments from caches only')
            [CompletionResult]::new('--pass-env', '--pass-env', [CompletionResultType]::ParameterName, 'Additional environment variables to pass to tests, separated by commas')
            [CompletionResult]::new('--mounts', '--mounts', [CompletionResultType]::ParameterName, 'Directories that have other names on other systems, such as ''D:\models=/srv/models'', separated by commas')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of this worker in reports [default: the host name]')
            [CompletionResult]::new('--work-dir', '--work-dir', [CompletionResultType]::ParameterName, 'Directory of running attempts, files and results that are not yet sent')
            [CompletionResult]::new('--runtimes', '--runtimes', [CompletionResultType]::ParameterName, 'Libraries to offer as back-ends: openvino, onnxruntime, …; they are installed and tried first')
            [CompletionResult]::new('--prefetch', '--prefetch', [CompletionResultType]::ParameterName, 'Build the environments and fetch the weights for this plan before the worker registers')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Exit after this time without a test, such as 10m')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--quiet-machine', '--quiet-machine', [CompletionResultType]::ParameterName, 'Run one test at a time, with all CPU cores: measurements for comparison')
            [CompletionResult]::new('--prefetch-only', '--prefetch-only', [CompletionResultType]::ParameterName, 'Exit after --prefetch, with an error if something is missing')
            [CompletionResult]::new('--ephemeral', '--ephemeral', [CompletionResultType]::ParameterName, 'Exit when at least one test has run and no tests are left')
            [CompletionResult]::new('--null-runner', '--null-runner', [CompletionResultType]::ParameterName, 'Report every test as passed without running it, to measure the overhead of dtf')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;submit' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--with', '--with', [CompletionResultType]::ParameterName, 'Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--wait-timeout', '--wait-timeout', [CompletionResultType]::ParameterName, 'Stop waiting after this time, with exit code 8')
            [CompletionResult]::new('--unschedulable-timeout', '--unschedulable-timeout', [CompletionResultType]::ParameterName, 'Stop waiting, with exit code 102, after this time without a worker for the remaining tests [default: 1m while there are workers, else unlimited]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format of the report with --wait, otherwise of the run id (csv only with --wait)')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable')
            [CompletionResult]::new('--junit-dialect', '--junit-dialect', [CompletionResultType]::ParameterName, 'Dialect of JUnit XML')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--require-weights', '--require-weights', [CompletionResultType]::ParameterName, 'Refuse tests with random weights')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait until the run has finished and print its report')
            [CompletionResult]::new('--fail-on-flaky', '--fail-on-flaky', [CompletionResultType]::ParameterName, 'Exit with code 100 if a test passed only after a failed attempt')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;wait' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Stop waiting after this time, with exit code 8')
            [CompletionResult]::new('--unschedulable-timeout', '--unschedulable-timeout', [CompletionResultType]::ParameterName, 'Stop waiting, with exit code 102, after this time without a worker for the remaining tests [default: 1m while there are workers, else unlimited]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format of the report')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable')
            [CompletionResult]::new('--junit-dialect', '--junit-dialect', [CompletionResultType]::ParameterName, 'Dialect of JUnit XML')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--fail-on-flaky', '--fail-on-flaky', [CompletionResultType]::ParameterName, 'Exit with code 100 if a test passed only after a failed attempt')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;check' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Coordinator that provides templates, the hardware of its workers and earlier measurements')
            [CompletionResult]::new('--with', '--with', [CompletionResultType]::ParameterName, 'Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not ask the model hub about models that this machine does not know')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;run' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Coordinator that provides templates, the hardware of its workers and earlier measurements')
            [CompletionResult]::new('--hw', '--hw', [CompletionResultType]::ParameterName, 'Back-ends, or `auto` for the CPU and all detected accelerators [default: cpu for generate, auto for run]')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Batch sizes')
            [CompletionResult]::new('--sequence-length', '--sequence-length', [CompletionResultType]::ParameterName, 'Sequence lengths, in tokens')
            [CompletionResult]::new('--image-size', '--image-size', [CompletionResultType]::ParameterName, 'Image sizes, in pixels')
            [CompletionResult]::new('--dtype', '--dtype', [CompletionResultType]::ParameterName, 'Data types, such as float32,bfloat16')
            [CompletionResult]::new('--attention', '--attention', [CompletionResultType]::ParameterName, 'Attention implementations: default, eager, sdpa, `flash_attention_2`')
            [CompletionResult]::new('--runtime', '--runtime', [CompletionResultType]::ParameterName, 'Runtimes that execute the model: torch, onnxruntime, openvino')
            [CompletionResult]::new('--weights', '--weights', [CompletionResultType]::ParameterName, 'Weights: auto, cached, random, hub, ./directory, path:DIR, owner/model@revision, …')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Add one combination; give a value for every axis with several values. Repeatable')
            [CompletionResult]::new('--family', '--family', [CompletionResultType]::ParameterName, 'Family of the model [default: detected]')
            [CompletionResult]::new('--revision', '--revision', [CompletionResultType]::ParameterName, 'Revision of the model: a branch, a tag or a commit')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Another checkpoint of the model, tested and compared with it on the same inputs')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Additional parameter of the template. Repeatable')
            [CompletionResult]::new('--with', '--with', [CompletionResultType]::ParameterName, 'Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests that run at the same time [default: number of CPU cores]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Tags of this machine, which tests can require; separated by commas')
            [CompletionResult]::new('--allow-remote-code', '--allow-remote-code', [CompletionResultType]::ParameterName, 'Allow tests to run Python code that comes with a model')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of Python environments; several workers may share it')
            [CompletionResult]::new('--weights-dir', '--weights-dir', [CompletionResultType]::ParameterName, 'Directory of fetched weights; several workers may share it')
            [CompletionResult]::new('--weights-cache-size', '--weights-cache-size', [CompletionResultType]::ParameterName, 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python interpreter that environments are built with [default: python3 in PATH]')
            [CompletionResult]::new('--system-packages', '--system-packages', [CompletionResultType]::ParameterName, 'Use the packages installed for this interpreter instead of building environments')
            [CompletionResult]::new('--torch-backend', '--torch-backend', [CompletionResultType]::ParameterName, 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not use the network: build environments from caches only')
            [CompletionResult]::new('--pass-env', '--pass-env', [CompletionResultType]::ParameterName, 'Additional environment variables to pass to tests, separated by commas')
            [CompletionResult]::new('--mounts', '--mounts', [CompletionResultType]::ParameterName, 'Directories that have other names on other systems, such as ''D:\models=/srv/models'', separated by commas')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of the event log and the results [default: `local` in the platform''s data directory]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format of the report or list')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable')
            [CompletionResult]::new('--junit-dialect', '--junit-dialect', [CompletionResultType]::ParameterName, 'Dialect of JUnit XML')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'List the tests and their requirements without running them')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'Show the run in the browser, and serve its page until Ctrl-C')
            [CompletionResult]::new('--allow-pickle', '--allow-pickle', [CompletionResultType]::ParameterName, 'Load pickled weights if there are no others; reading a pickle may run code')
            [CompletionResult]::new('--trust-remote-code', '--trust-remote-code', [CompletionResultType]::ParameterName, 'Run Python code in the directory of the model; workers must allow it')
            [CompletionResult]::new('--require-weights', '--require-weights', [CompletionResultType]::ParameterName, 'Refuse tests with random weights')
            [CompletionResult]::new('--quiet-machine', '--quiet-machine', [CompletionResultType]::ParameterName, 'Run one test at a time, with all CPU cores: measurements for comparison')
            [CompletionResult]::new('--fail-on-flaky', '--fail-on-flaky', [CompletionResultType]::ParameterName, 'Exit with code 100 if a test passed only after a failed attempt')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;generate' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Coordinator that provides templates, the hardware of its workers and earlier measurements')
            [CompletionResult]::new('--hw', '--hw', [CompletionResultType]::ParameterName, 'Back-ends, or `auto` for the CPU and all detected accelerators [default: cpu for generate, auto for run]')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Batch sizes')
            [CompletionResult]::new('--sequence-length', '--sequence-length', [CompletionResultType]::ParameterName, 'Sequence lengths, in tokens')
            [CompletionResult]::new('--image-size', '--image-size', [CompletionResultType]::ParameterName, 'Image sizes, in pixels')
            [CompletionResult]::new('--dtype', '--dtype', [CompletionResultType]::ParameterName, 'Data types, such as float32,bfloat16')
            [CompletionResult]::new('--attention', '--attention', [CompletionResultType]::ParameterName, 'Attention implementations: default, eager, sdpa, `flash_attention_2`')
            [CompletionResult]::new('--runtime', '--runtime', [CompletionResultType]::ParameterName, 'Runtimes that execute the model: torch, onnxruntime, openvino')
            [CompletionResult]::new('--weights', '--weights', [CompletionResultType]::ParameterName, 'Weights: auto, cached, random, hub, ./directory, path:DIR, owner/model@revision, …')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Add one combination; give a value for every axis with several values. Repeatable')
            [CompletionResult]::new('--family', '--family', [CompletionResultType]::ParameterName, 'Family of the model [default: detected]')
            [CompletionResult]::new('--revision', '--revision', [CompletionResultType]::ParameterName, 'Revision of the model: a branch, a tag or a commit')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Another checkpoint of the model, tested and compared with it on the same inputs')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Additional parameter of the template. Repeatable')
            [CompletionResult]::new('--with', '--with', [CompletionResultType]::ParameterName, 'Pin a package in the environment of every test, such as transformers==5.24.0. Repeatable')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--from-pytest', '--from-pytest', [CompletionResultType]::ParameterName, 'Generate tests from this directory or file of a pytest suite')
            [CompletionResult]::new('--shard-time', '--shard-time', [CompletionResultType]::ParameterName, 'Maximum expected time of one shard [default: a quarter of the suite, between 10s and 1m]')
            [CompletionResult]::new('--durations', '--durations', [CompletionResultType]::ParameterName, 'Measured times of the tests: a JUnit file (.xml) or `.test_durations` of pytest-split')
            [CompletionResult]::new('--files', '--files', [CompletionResultType]::ParameterName, 'Additional files that the tests need, relative to the root directory. Repeatable')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Environment variable for the collection and for the tests. Repeatable')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Directory to write the plan and the scripts to [default: dtf-tests]')
            [CompletionResult]::new('--graph', '--graph', [CompletionResultType]::ParameterName, 'Print the dependencies of the tests, as text or for Graphviz, without writing files')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format of the list or report; csv only with --dry-run, --run or --submit --wait')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable')
            [CompletionResult]::new('--junit-dialect', '--junit-dialect', [CompletionResultType]::ParameterName, 'Dialect of JUnit XML')
            [CompletionResult]::new('--wait-timeout', '--wait-timeout', [CompletionResultType]::ParameterName, 'Stop waiting after this time, with exit code 8')
            [CompletionResult]::new('--unschedulable-timeout', '--unschedulable-timeout', [CompletionResultType]::ParameterName, 'Stop waiting, with exit code 102, after this time without a worker for the remaining tests [default: 1m while there are workers, else unlimited]')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests that run at the same time [default: number of CPU cores]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Tags of this machine, which tests can require; separated by commas')
            [CompletionResult]::new('--allow-remote-code', '--allow-remote-code', [CompletionResultType]::ParameterName, 'Allow tests to run Python code that comes with a model')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of Python environments; several workers may share it')
            [CompletionResult]::new('--weights-dir', '--weights-dir', [CompletionResultType]::ParameterName, 'Directory of fetched weights; several workers may share it')
            [CompletionResult]::new('--weights-cache-size', '--weights-cache-size', [CompletionResultType]::ParameterName, 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python interpreter that environments are built with [default: python3 in PATH]')
            [CompletionResult]::new('--system-packages', '--system-packages', [CompletionResultType]::ParameterName, 'Use the packages installed for this interpreter instead of building environments')
            [CompletionResult]::new('--torch-backend', '--torch-backend', [CompletionResultType]::ParameterName, 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not use the network: build environments from caches only')
            [CompletionResult]::new('--pass-env', '--pass-env', [CompletionResultType]::ParameterName, 'Additional environment variables to pass to tests, separated by commas')
            [CompletionResult]::new('--mounts', '--mounts', [CompletionResultType]::ParameterName, 'Directories that have other names on other systems, such as ''D:\models=/srv/models'', separated by commas')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of the event log and the results [default: `local` in the platform''s data directory]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--allow-pickle', '--allow-pickle', [CompletionResultType]::ParameterName, 'Load pickled weights if there are no others; reading a pickle may run code')
            [CompletionResult]::new('--trust-remote-code', '--trust-remote-code', [CompletionResultType]::ParameterName, 'Run Python code in the directory of the model; workers must allow it')
            [CompletionResult]::new('--require-weights', '--require-weights', [CompletionResultType]::ParameterName, 'Refuse tests with random weights')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Write to a directory that is not empty, and overwrite files')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'List the tests and their requirements without writing files')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Explain family, properties and test priorities of each model without writing files')
            [CompletionResult]::new('--submit', '--submit', [CompletionResultType]::ParameterName, 'Submit the tests to the coordinator')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Run the tests on this machine')
            [CompletionResult]::new('--fail-on-flaky', '--fail-on-flaky', [CompletionResultType]::ParameterName, 'Exit with code 100 if a test passed only after a failed attempt')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait until the run has finished and print its report')
            [CompletionResult]::new('--quiet-machine', '--quiet-machine', [CompletionResultType]::ParameterName, 'Run one test at a time, with all CPU cores: measurements for comparison')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;upgrade' {
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Packages before the upgrade [default: as the plan resolves today]. Repeatable')
            [CompletionResult]::new('--plan', '--plan', [CompletionResultType]::ParameterName, 'Plan file with the tests')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'Model to test instead of a plan. Repeatable')
            [CompletionResult]::new('--rounds', '--rounds', [CompletionResultType]::ParameterName, 'Maximum number of rounds in which results that differ are measured again')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format of the report')
            [CompletionResult]::new('--hw', '--hw', [CompletionResultType]::ParameterName, 'Back-ends, or `auto` for the CPU and all detected accelerators [default: cpu for generate, auto for run]')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Batch sizes')
            [CompletionResult]::new('--sequence-length', '--sequence-length', [CompletionResultType]::ParameterName, 'Sequence lengths, in tokens')
            [CompletionResult]::new('--image-size', '--image-size', [CompletionResultType]::ParameterName, 'Image sizes, in pixels')
            [CompletionResult]::new('--dtype', '--dtype', [CompletionResultType]::ParameterName, 'Data types, such as float32,bfloat16')
            [CompletionResult]::new('--attention', '--attention', [CompletionResultType]::ParameterName, 'Attention implementations: default, eager, sdpa, `flash_attention_2`')
            [CompletionResult]::new('--runtime', '--runtime', [CompletionResultType]::ParameterName, 'Runtimes that execute the model: torch, onnxruntime, openvino')
            [CompletionResult]::new('--weights', '--weights', [CompletionResultType]::ParameterName, 'Weights: auto, cached, random, hub, ./directory, path:DIR, owner/model@revision, …')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Add one combination; give a value for every axis with several values. Repeatable')
            [CompletionResult]::new('--family', '--family', [CompletionResultType]::ParameterName, 'Family of the model [default: detected]')
            [CompletionResult]::new('--revision', '--revision', [CompletionResultType]::ParameterName, 'Revision of the model: a branch, a tag or a commit')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Another checkpoint of the model, tested and compared with it on the same inputs')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Additional parameter of the template. Repeatable')
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Coordinator whose workers run the tests [default: this machine]')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests that run at the same time [default: number of CPU cores]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Tags of this machine, which tests can require; separated by commas')
            [CompletionResult]::new('--allow-remote-code', '--allow-remote-code', [CompletionResultType]::ParameterName, 'Allow tests to run Python code that comes with a model')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of Python environments; several workers may share it')
            [CompletionResult]::new('--weights-dir', '--weights-dir', [CompletionResultType]::ParameterName, 'Directory of fetched weights; several workers may share it')
            [CompletionResult]::new('--weights-cache-size', '--weights-cache-size', [CompletionResultType]::ParameterName, 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python interpreter that environments are built with [default: python3 in PATH]')
            [CompletionResult]::new('--system-packages', '--system-packages', [CompletionResultType]::ParameterName, 'Use the packages installed for this interpreter instead of building environments')
            [CompletionResult]::new('--torch-backend', '--torch-backend', [CompletionResultType]::ParameterName, 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not use the network: build environments from caches only')
            [CompletionResult]::new('--pass-env', '--pass-env', [CompletionResultType]::ParameterName, 'Additional environment variables to pass to tests, separated by commas')
            [CompletionResult]::new('--mounts', '--mounts', [CompletionResultType]::ParameterName, 'Directories that have other names on other systems, such as ''D:\models=/srv/models'', separated by commas')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of the event log and the results [default: `local` in the platform''s data directory]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--allow-pickle', '--allow-pickle', [CompletionResultType]::ParameterName, 'Load pickled weights if there are no others; reading a pickle may run code')
            [CompletionResult]::new('--trust-remote-code', '--trust-remote-code', [CompletionResultType]::ParameterName, 'Run Python code in the directory of the model; workers must allow it')
            [CompletionResult]::new('--require-weights', '--require-weights', [CompletionResultType]::ParameterName, 'Refuse tests with random weights')
            [CompletionResult]::new('--quiet-machine', '--quiet-machine', [CompletionResultType]::ParameterName, 'Run one test at a time, with all CPU cores: measurements for comparison')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;bisect' {
            [CompletionResult]::new('--package', '--package', [CompletionResultType]::ParameterName, 'Package whose versions are searched')
            [CompletionResult]::new('--good', '--good', [CompletionResultType]::ParameterName, 'Version or commit with which the test passes')
            [CompletionResult]::new('--bad', '--bad', [CompletionResultType]::ParameterName, 'Version or commit with which it fails')
            [CompletionResult]::new('--plan', '--plan', [CompletionResultType]::ParameterName, 'Plan file with the test')
            [CompletionResult]::new('--metric', '--metric', [CompletionResultType]::ParameterName, 'Search for a regression of this metric, such as `latency_seconds`, instead of a failure')
            [CompletionResult]::new('--commits', '--commits', [CompletionResultType]::ParameterName, 'Git repository of the package: search its commits instead of versions')
            [CompletionResult]::new('--versions', '--versions', [CompletionResultType]::ParameterName, 'Search these versions, the oldest first, instead of those of the package index')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format of the result')
            [CompletionResult]::new('--hw', '--hw', [CompletionResultType]::ParameterName, 'Back-ends, or `auto` for the CPU and all detected accelerators [default: cpu for generate, auto for run]')
            [CompletionResult]::new('--batch', '--batch', [CompletionResultType]::ParameterName, 'Batch sizes')
            [CompletionResult]::new('--sequence-length', '--sequence-length', [CompletionResultType]::ParameterName, 'Sequence lengths, in tokens')
            [CompletionResult]::new('--image-size', '--image-size', [CompletionResultType]::ParameterName, 'Image sizes, in pixels')
            [CompletionResult]::new('--dtype', '--dtype', [CompletionResultType]::ParameterName, 'Data types, such as float32,bfloat16')
            [CompletionResult]::new('--attention', '--attention', [CompletionResultType]::ParameterName, 'Attention implementations: default, eager, sdpa, `flash_attention_2`')
            [CompletionResult]::new('--runtime', '--runtime', [CompletionResultType]::ParameterName, 'Runtimes that execute the model: torch, onnxruntime, openvino')
            [CompletionResult]::new('--weights', '--weights', [CompletionResultType]::ParameterName, 'Weights: auto, cached, random, hub, ./directory, path:DIR, owner/model@revision, …')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Exclude combinations that match all of these values, such as backend=cuda,batch=16. Repeatable')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Add one combination; give a value for every axis with several values. Repeatable')
            [CompletionResult]::new('--family', '--family', [CompletionResultType]::ParameterName, 'Family of the model [default: detected]')
            [CompletionResult]::new('--revision', '--revision', [CompletionResultType]::ParameterName, 'Revision of the model: a branch, a tag or a commit')
            [CompletionResult]::new('--compare', '--compare', [CompletionResultType]::ParameterName, 'Another checkpoint of the model, tested and compared with it on the same inputs')
            [CompletionResult]::new('--set', '--set', [CompletionResultType]::ParameterName, 'Additional parameter of the template. Repeatable')
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Coordinator whose workers run the tests [default: this machine]')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests that run at the same time [default: number of CPU cores]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Tags of this machine, which tests can require; separated by commas')
            [CompletionResult]::new('--allow-remote-code', '--allow-remote-code', [CompletionResultType]::ParameterName, 'Allow tests to run Python code that comes with a model')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of Python environments; several workers may share it')
            [CompletionResult]::new('--weights-dir', '--weights-dir', [CompletionResultType]::ParameterName, 'Directory of fetched weights; several workers may share it')
            [CompletionResult]::new('--weights-cache-size', '--weights-cache-size', [CompletionResultType]::ParameterName, 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python interpreter that environments are built with [default: python3 in PATH]')
            [CompletionResult]::new('--system-packages', '--system-packages', [CompletionResultType]::ParameterName, 'Use the packages installed for this interpreter instead of building environments')
            [CompletionResult]::new('--torch-backend', '--torch-backend', [CompletionResultType]::ParameterName, 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not use the network: build environments from caches only')
            [CompletionResult]::new('--pass-env', '--pass-env', [CompletionResultType]::ParameterName, 'Additional environment variables to pass to tests, separated by commas')
            [CompletionResult]::new('--mounts', '--mounts', [CompletionResultType]::ParameterName, 'Directories that have other names on other systems, such as ''D:\models=/srv/models'', separated by commas')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of the event log and the results [default: `local` in the platform''s data directory]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--pre', '--pre', [CompletionResultType]::ParameterName, 'Include pre-releases')
            [CompletionResult]::new('--allow-pickle', '--allow-pickle', [CompletionResultType]::ParameterName, 'Load pickled weights if there are no others; reading a pickle may run code')
            [CompletionResult]::new('--trust-remote-code', '--trust-remote-code', [CompletionResultType]::ParameterName, 'Run Python code in the directory of the model; workers must allow it')
            [CompletionResult]::new('--require-weights', '--require-weights', [CompletionResultType]::ParameterName, 'Refuse tests with random weights')
            [CompletionResult]::new('--quiet-machine', '--quiet-machine', [CompletionResultType]::ParameterName, 'Run one test at a time, with all CPU cores: measurements for comparison')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;report' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Include runs submitted in this period, such as 7d, or since a date, such as 2026-11-28 [default: 7d]')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Include only this run, such as r12 or `latest`. Repeatable')
            [CompletionResult]::new('--between', '--between', [CompletionResultType]::ParameterName, 'Include only runs between two dates or two runs, such as --between r12 r20')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'Include only these models; `*` matches any text. Separate several by commas')
            [CompletionResult]::new('--hw', '--hw', [CompletionResultType]::ParameterName, 'Include only this hardware: back-ends or products of devices')
            [CompletionResult]::new('--worker', '--worker', [CompletionResultType]::ParameterName, 'Include only tests that ran on these workers')
            [CompletionResult]::new('--family', '--family', [CompletionResultType]::ParameterName, 'Include only these families of models')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Include only tests in these states: outcomes, `flaky`, or `pending`')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Rows of the matrix')
            [CompletionResult]::new('--metric', '--metric', [CompletionResultType]::ParameterName, 'Metric of the matrix, and of the history in the HTML report [default: `latency_seconds`]')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Maximum number of tests to show [default: 1000 in a table, otherwise 100000]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--write', '--write', [CompletionResultType]::ParameterName, 'Also write the report to a file, such as junit=out/junit.xml; formats as of dtf report. Repeatable')
            [CompletionResult]::new('--junit-dialect', '--junit-dialect', [CompletionResultType]::ParameterName, 'Dialect of JUnit XML')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit with a code for the results (see `dtf --help`); 8 if tests are still pending')
            [CompletionResult]::new('--fail-on-flaky', '--fail-on-flaky', [CompletionResultType]::ParameterName, 'With --exit-code: exit with code 100 if a test passed only after a failed attempt')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'Show the dashboard, or the page of one run, in the browser instead of printing')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;diff' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Maximum number of tests to list')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--exit-code', '--exit-code', [CompletionResultType]::ParameterName, 'Exit with code 100 if a test newly fails or a regression is confirmed, of a test or of many tests of a worker')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;results' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('accept', 'accept', [CompletionResultType]::ParameterValue, 'Accept a change: later results are compared with the new values')
            [CompletionResult]::new('quarantine', 'quarantine', [CompletionResultType]::ParameterValue, 'List, add or remove quarantines of tests')
            [CompletionResult]::new('flaky', 'flaky', [CompletionResultType]::ParameterValue, 'Show flaky tests, and the rates of failures of workers and back-ends')
            [CompletionResult]::new('query', 'query', [CompletionResultType]::ParameterValue, 'Answer a query in SQL')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write all tables as Parquet files')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Add exported results of another coordinator, to compare with them')
            [CompletionResult]::new('gc', 'gc', [CompletionResultType]::ParameterValue, 'Remove old runs, and shrink the files')
            [CompletionResult]::new('rebuild', 'rebuild', [CompletionResultType]::ParameterValue, 'Write the results database anew from the event log')
            [CompletionResult]::new('segments', 'segments', [CompletionResultType]::ParameterValue, 'Divide histories from standard input into segments')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'Answer a query for another process')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;results;accept' {
            [CompletionResult]::new('--metric', '--metric', [CompletionResultType]::ParameterName, 'Accept only this metric, such as `latency_seconds`')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why the change is intended')
            [CompletionResult]::new('--remove', '--remove', [CompletionResultType]::ParameterName, 'Remove an acceptance, given by its id')
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'List acceptances')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;results;quarantine' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Put tests into quarantine')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List quarantines')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'End a quarantine before it expires')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;results;quarantine;add' {
            [CompletionResult]::new('--worker', '--worker', [CompletionResultType]::ParameterName, 'Only on this worker, given by its name or its id')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'Only on this back-end')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why the tests do not count')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Duration of the quarantine, at most 90d [default: 14d]')
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;results;quarantine;list' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Include quarantines that expired more than 14 days ago or were removed')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;results;quarantine;remove' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;results;quarantine;help' {
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Put tests into quarantine')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List quarantines')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'End a quarantine before it expires')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;results;quarantine;help;add' {
            break
        }
        'dtf;results;quarantine;help;list' {
            break
        }
        'dtf;results;quarantine;help;remove' {
            break
        }
        'dtf;results;quarantine;help;help' {
            break
        }
        'dtf;results;flaky' {
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Include attempts of this period, such as 7d, or since a date [default: 30d]')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Maximum number of tests to show')
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;results;query' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'File to write instead of standard output; it must not exist')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Maximum number of rows [default: 1000 in a table, otherwise 1000000]')
            [CompletionResult]::new('--memory', '--memory', [CompletionResultType]::ParameterName, 'Maximum working memory; a query that needs more is stopped [default: 1GiB]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Maximum time; a query that takes longer is stopped')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;results;export' {
            [CompletionResult]::new('--parquet', '--parquet', [CompletionResultType]::ParameterName, 'Directory to create')
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;results;import' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of the imported results: letters, digits, `-` and `_` [default: that of the directory]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Data directory of `dtf run` or of a coordinator')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--replace', '--replace', [CompletionResultType]::ParameterName, 'Replace imported results of this name')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;results;gc' {
            [CompletionResult]::new('--keep', '--keep', [CompletionResultType]::ParameterName, 'Period of which the results are kept, such as 180d')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be removed, and change nothing')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;results;rebuild' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;results;segments' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;results;answer' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;results;help' {
            [CompletionResult]::new('accept', 'accept', [CompletionResultType]::ParameterValue, 'Accept a change: later results are compared with the new values')
            [CompletionResult]::new('quarantine', 'quarantine', [CompletionResultType]::ParameterValue, 'List, add or remove quarantines of tests')
            [CompletionResult]::new('flaky', 'flaky', [CompletionResultType]::ParameterValue, 'Show flaky tests, and the rates of failures of workers and back-ends')
            [CompletionResult]::new('query', 'query', [CompletionResultType]::ParameterValue, 'Answer a query in SQL')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write all tables as Parquet files')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Add exported results of another coordinator, to compare with them')
            [CompletionResult]::new('gc', 'gc', [CompletionResultType]::ParameterValue, 'Remove old runs, and shrink the files')
            [CompletionResult]::new('rebuild', 'rebuild', [CompletionResultType]::ParameterValue, 'Write the results database anew from the event log')
            [CompletionResult]::new('segments', 'segments', [CompletionResultType]::ParameterValue, 'Divide histories from standard input into segments')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'Answer a query for another process')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;results;help;accept' {
            break
        }
        'dtf;results;help;quarantine' {
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Put tests into quarantine')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List quarantines')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'End a quarantine before it expires')
            break
        }
        'dtf;results;help;quarantine;add' {
            break
        }
        'dtf;results;help;quarantine;list' {
            break
        }
        'dtf;results;help;quarantine;remove' {
            break
        }
        'dtf;results;help;flaky' {
            break
        }
        'dtf;results;help;query' {
            break
        }
        'dtf;results;help;export' {
            break
        }
        'dtf;results;help;import' {
            break
        }
        'dtf;results;help;gc' {
            break
        }
        'dtf;results;help;rebuild' {
            break
        }
        'dtf;results;help;segments' {
            break
        }
        'dtf;results;help;answer' {
            break
        }
        'dtf;results;help;help' {
            break
        }
        'dtf;status' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;cancel' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;logs' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Continue to print output until the attempt ends')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Continue to print output until the attempt ends')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;why' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;debug' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Read results from this data directory of `dtf run` or of a stopped coordinator')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Run in which the test is searched by name: its id, or `latest` [default: the newest that has it]')
            [CompletionResult]::new('--into', '--into', [CompletionResultType]::ParameterName, 'Directory in which the files are saved [default: dtf-debug-RUN, of the new run]')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests that run at the same time [default: number of CPU cores]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Tags of this machine, which tests can require; separated by commas')
            [CompletionResult]::new('--allow-remote-code', '--allow-remote-code', [CompletionResultType]::ParameterName, 'Allow tests to run Python code that comes with a model')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of Python environments; several workers may share it')
            [CompletionResult]::new('--weights-dir', '--weights-dir', [CompletionResultType]::ParameterName, 'Directory of fetched weights; several workers may share it')
            [CompletionResult]::new('--weights-cache-size', '--weights-cache-size', [CompletionResultType]::ParameterName, 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python interpreter that environments are built with [default: python3 in PATH]')
            [CompletionResult]::new('--system-packages', '--system-packages', [CompletionResultType]::ParameterName, 'Use the packages installed for this interpreter instead of building environments')
            [CompletionResult]::new('--torch-backend', '--torch-backend', [CompletionResultType]::ParameterName, 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not use the network: build environments from caches only')
            [CompletionResult]::new('--pass-env', '--pass-env', [CompletionResultType]::ParameterName, 'Additional environment variables to pass to tests, separated by commas')
            [CompletionResult]::new('--mounts', '--mounts', [CompletionResultType]::ParameterName, 'Directories that have other names on other systems, such as ''D:\models=/srv/models'', separated by commas')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--quiet-machine', '--quiet-machine', [CompletionResultType]::ParameterName, 'Run one test at a time, with all CPU cores: measurements for comparison')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;workers' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'Send no new tests to this worker, given by its id or its unique name')
            [CompletionResult]::new('--undrain', '--undrain', [CompletionResultType]::ParameterName, 'Send tests to this worker again')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Include workers that have left')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;weights' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List stored weights, those that were used last first')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Read stored weights and compare them with their digests')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove stored weights that no waiting or running test needs')
            [CompletionResult]::new('push', 'push', [CompletionResultType]::ParameterValue, 'Send the weights in a directory to the coordinator, before tests need them')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;weights;list' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--weights-dir', '--weights-dir', [CompletionResultType]::ParameterName, 'Directory of fetched weights, with --local')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--local', '--local', [CompletionResultType]::ParameterName, 'Use the fetched weights of the workers of this machine, not those of the coordinator')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;weights;verify' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--weights-dir', '--weights-dir', [CompletionResultType]::ParameterName, 'Directory of fetched weights, with --local')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--local', '--local', [CompletionResultType]::ParameterName, 'Use the fetched weights of the workers of this machine, not those of the coordinator')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;weights;remove' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--weights-dir', '--weights-dir', [CompletionResultType]::ParameterName, 'Directory of fetched weights, with --local')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--local', '--local', [CompletionResultType]::ParameterName, 'Use the fetched weights of the workers of this machine, not those of the coordinator')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;weights;push' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--remote-code', '--remote-code', [CompletionResultType]::ParameterName, 'Include the Python files of the directories, for models with their own code')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;weights;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List stored weights, those that were used last first')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Read stored weights and compare them with their digests')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove stored weights that no waiting or running test needs')
            [CompletionResult]::new('push', 'push', [CompletionResultType]::ParameterValue, 'Send the weights in a directory to the coordinator, before tests need them')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;weights;help;list' {
            break
        }
        'dtf;weights;help;verify' {
            break
        }
        'dtf;weights;help;remove' {
            break
        }
        'dtf;weights;help;push' {
            break
        }
        'dtf;weights;help;help' {
            break
        }
        'dtf;templates' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the templates in effect: built-in ones, those of the coordinator and your own')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a template or a shared part of templates')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Add templates to the coordinator, for all users of it')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check templates: render, parse and dry-run their scripts')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the versions of a template, with author and time')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;templates;list' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates;show' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates;add' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'Path of a single template, such as vlm/test.py.j2')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates;check' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python interpreter for the check [default: python3 in PATH]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates;history' {
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;templates;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the templates in effect: built-in ones, those of the coordinator and your own')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a template or a shared part of templates')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Add templates to the coordinator, for all users of it')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check templates: render, parse and dry-run their scripts')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the versions of a template, with author and time')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;templates;help;list' {
            break
        }
        'dtf;templates;help;show' {
            break
        }
        'dtf;templates;help;add' {
            break
        }
        'dtf;templates;help;check' {
            break
        }
        'dtf;templates;help;history' {
            break
        }
        'dtf;templates;help;help' {
            break
        }
        'dtf;log' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('dump', 'dump', [CompletionResultType]::ParameterValue, 'Print the records of the log as JSON, one per line')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the readable records to a new log')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;log;dump' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of the event log')
            [CompletionResult]::new('--after', '--after', [CompletionResultType]::ParameterName, 'Print only records with a greater number')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Maximum number of records')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;log;export' {
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of the event log')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;log;help' {
            [CompletionResult]::new('dump', 'dump', [CompletionResultType]::ParameterValue, 'Print the records of the log as JSON, one per line')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the readable records to a new log')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;log;help;dump' {
            break
        }
        'dtf;log;help;export' {
            break
        }
        'dtf;log;help;help' {
            break
        }
        'dtf;detect' {
            [CompletionResult]::new('--fake-root', '--fake-root', [CompletionResultType]::ParameterName, 'Directory with recorded files of another machine, instead of those of this one')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of the Python environments whose answers about devices --explain shows')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON document')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Show the source of each fact: the files and programs that were read')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;deploy-script' {
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Platform of the machine')
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator, as the machine reaches it')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'Part of dtf that runs on the machine')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'How the platform starts and restarts it [default: the first one of the target]')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Directory of the files [default: dtf-deploy-ID]')
            [CompletionResult]::new('--id', '--id', [CompletionResultType]::ParameterName, 'Name of service, files and objects [default: dtf-worker or dtf-coordinator]')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Display name of the worker in reports [default: the name of its host, pod or job]')
            [CompletionResult]::new('--binary', '--binary', [CompletionResultType]::ParameterName, 'Source of the program')
            [CompletionResult]::new('--index', '--index', [CompletionResultType]::ParameterName, 'Package index from which --binary package installs dtf')
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'Directory of the installation on the machine [default: depends on the mode, see docs/deploy.md]')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Environment variable of the program; secrets are refused. Repeatable')
            [CompletionResult]::new('--drain', '--drain', [CompletionResultType]::ParameterName, 'Time that running tests have to end when the worker is stopped')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests at a time, 1 to 4096 [default: one for each core]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Labels that tests can require')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Exit after this time without a test, such as 10m')
            [CompletionResult]::new('--hw', '--hw', [CompletionResultType]::ParameterName, 'Accelerators of a container or a batch job')
            [CompletionResult]::new('--gpus', '--gpus', [CompletionResultType]::ParameterName, 'Number of accelerators of each container or job [default: 1, without --hw 0]')
            [CompletionResult]::new('--cpus', '--cpus', [CompletionResultType]::ParameterName, 'Maximum number of cores')
            [CompletionResult]::new('--memory', '--memory', [CompletionResultType]::ParameterName, 'Maximum memory, such as 64GiB')
            [CompletionResult]::new('--replicas', '--replicas', [CompletionResultType]::ParameterName, 'Number of pods or batch jobs')
            [CompletionResult]::new('--time-limit', '--time-limit', [CompletionResultType]::ParameterName, 'Maximum time of a batch job [default: 4h]')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'Partition of the Slurm cluster')
            [CompletionResult]::new('--device-group', '--device-group', [CompletionResultType]::ParameterName, 'Number of the group that owns the devices of a Kubernetes node with --hw rocm')
            [CompletionResult]::new('--image', '--image', [CompletionResultType]::ParameterName, 'Name of the container image [default: dtf-HW:VERSION]')
            [CompletionResult]::new('--base-image', '--base-image', [CompletionResultType]::ParameterName, 'Image that the container image is built on [default: one for --hw]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--startup-only', '--startup-only', [CompletionResultType]::ParameterName, 'Write only the script that starts it, without installation')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print the files instead of writing them')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;path' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('convert', 'convert', [CompletionResultType]::ParameterValue, 'Convert paths to the form of another system')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;path;convert' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'System that uses the results')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'System that the paths come from; drives of MSYS2 need it [default: recognised]')
            [CompletionResult]::new('--mount', '--mount', [CompletionResultType]::ParameterName, 'Directory with another name on the other system, such as ''D:\models=/srv/models''. Repeatable')
            [CompletionResult]::new('--wsl-root', '--wsl-root', [CompletionResultType]::ParameterName, 'Directory of the drives in WSL')
            [CompletionResult]::new('--distribution', '--distribution', [CompletionResultType]::ParameterName, 'Name of the WSL distribution, such as Ubuntu')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Treat each PATH as a list like that of the PATH variable')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;path;help' {
            [CompletionResult]::new('convert', 'convert', [CompletionResultType]::ParameterValue, 'Convert paths to the form of another system')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;path;help;convert' {
            break
        }
        'dtf;path;help;help' {
            break
        }
        'dtf;config' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print each setting with its value')
            [CompletionResult]::new('path', 'path', [CompletionResultType]::ParameterValue, 'Print the path of the settings file, whether it exists or not')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;config;show' {
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Address and port to listen on; a non-loopback address requires --token-file [default: 127.0.0.1:7700]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Directory of the event log, the results and uploaded files')
            [CompletionResult]::new('--confirm-changes', '--confirm-changes', [CompletionResultType]::ParameterName, 'Run tests again, on the same worker, when a metric seems to be worse than before [default: true]')
            [CompletionResult]::new('--max-run-size', '--max-run-size', [CompletionResultType]::ParameterName, 'Maximum size of the files of one run, or `none` [default: 64GiB]')
            [CompletionResult]::new('--max-data-size', '--max-data-size', [CompletionResultType]::ParameterName, 'Maximum size of the data directory, or `none` [default: none]')
            [CompletionResult]::new('--max-weights-size', '--max-weights-size', [CompletionResultType]::ParameterName, 'Maximum size of the weights that clients pushed, or `none` [default: 500GiB]')
            [CompletionResult]::new('--min-free', '--min-free', [CompletionResultType]::ParameterName, 'Free disk space below which uploads and submissions are refused, or `none` [default: 1GiB, or 5 % of the disk if that is less]')
            [CompletionResult]::new('--log-retention', '--log-retention', [CompletionResultType]::ParameterName, 'Time for which the event log keeps its records, or `forever` [default: 180d]')
            [CompletionResult]::new('--coordinator', '--coordinator', [CompletionResultType]::ParameterName, 'Address of the coordinator [default: http://127.0.0.1:7700]')
            [CompletionResult]::new('--slots', '--slots', [CompletionResultType]::ParameterName, 'Maximum number of tests that run at the same time [default: number of CPU cores]')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Tags of this machine, which tests can require; separated by commas')
            [CompletionResult]::new('--allow-remote-code', '--allow-remote-code', [CompletionResultType]::ParameterName, 'Allow tests to run Python code that comes with a model')
            [CompletionResult]::new('--environments-dir', '--environments-dir', [CompletionResultType]::ParameterName, 'Directory of Python environments; several workers may share it')
            [CompletionResult]::new('--weights-dir', '--weights-dir', [CompletionResultType]::ParameterName, 'Directory of fetched weights; several workers may share it')
            [CompletionResult]::new('--weights-cache-size', '--weights-cache-size', [CompletionResultType]::ParameterName, 'Maximum size of the fetched weights, such as 500GiB, or none [default: half of the disk]')
            [CompletionResult]::new('--python', '--python', [CompletionResultType]::ParameterName, 'Python interpreter that environments are built with [default: python3 in PATH]')
            [CompletionResult]::new('--system-packages', '--system-packages', [CompletionResultType]::ParameterName, 'Use the packages installed for this interpreter instead of building environments')
            [CompletionResult]::new('--torch-backend', '--torch-backend', [CompletionResultType]::ParameterName, 'Build of PyTorch to install, such as cpu, auto or cu128 [default: chosen by the devices]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Do not use the network: build environments from caches only')
            [CompletionResult]::new('--pass-env', '--pass-env', [CompletionResultType]::ParameterName, 'Additional environment variables to pass to tests, separated by commas')
            [CompletionResult]::new('--mounts', '--mounts', [CompletionResultType]::ParameterName, 'Directories that have other names on other systems, such as ''D:\models=/srv/models'', separated by commas')
            [CompletionResult]::new('--templates', '--templates', [CompletionResultType]::ParameterName, 'Directory of your templates; they override built-in ones (see docs/templates.md)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'File with your back-ends, and changes of known ones (see docs/backends.md)')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name of this worker in reports [default: the host name]')
            [CompletionResult]::new('--work-dir', '--work-dir', [CompletionResultType]::ParameterName, 'Directory of running attempts, files and results that are not yet sent')
            [CompletionResult]::new('--runtimes', '--runtimes', [CompletionResultType]::ParameterName, 'Libraries to offer as back-ends: openvino, onnxruntime, …; they are installed and tried first')
            [CompletionResult]::new('--prefetch', '--prefetch', [CompletionResultType]::ParameterName, 'Build the environments and fetch the weights for this plan before the worker registers')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'Exit after this time without a test, such as 10m')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Print where each value comes from')
            [CompletionResult]::new('--quiet-machine', '--quiet-machine', [CompletionResultType]::ParameterName, 'Run one test at a time, with all CPU cores: measurements for comparison')
            [CompletionResult]::new('--prefetch-only', '--prefetch-only', [CompletionResultType]::ParameterName, 'Exit after --prefetch, with an error if something is missing')
            [CompletionResult]::new('--ephemeral', '--ephemeral', [CompletionResultType]::ParameterName, 'Exit when at least one test has run and no tests are left')
            [CompletionResult]::new('--null-runner', '--null-runner', [CompletionResultType]::ParameterName, 'Report every test as passed without running it, to measure the overhead of dtf')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'dtf;config;path' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;config;help' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print each setting with its value')
            [CompletionResult]::new('path', 'path', [CompletionResultType]::ParameterValue, 'Print the path of the settings file, whether it exists or not')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;config;help;show' {
            break
        }
        'dtf;config;help;path' {
            break
        }
        'dtf;config;help;help' {
            break
        }
        'dtf;completions' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;config-reference' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;openapi' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: config.yaml in the settings directory, if it exists]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'File with the access token, or with all tokens of a coordinator; only its owner may have permission to read it')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to print colours')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more log messages (-vv for debug messages)')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print only results, warnings and errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'dtf;help' {
            [CompletionResult]::new('coordinator', 'coordinator', [CompletionResultType]::ParameterValue, 'Start a coordinator, which schedules tests and stores results')
            [CompletionResult]::new('worker', 'worker', [CompletionResultType]::ParameterValue, 'Run tests for a coordinator on this machine')
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Submit the tests of a plan to a coordinator')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait until a run has finished and print its report')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check a plan and list its mistakes without submitting it')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a plan, or tests of models, on this machine')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write tests for models: a plan, and scripts that also run without dtf')
            [CompletionResult]::new('upgrade', 'upgrade', [CompletionResultType]::ParameterValue, 'Compare the tests of a plan before and after an upgrade of packages')
            [CompletionResult]::new('bisect', 'bisect', [CompletionResultType]::ParameterValue, 'Find the first version of a package with which a test fails or a metric regresses')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Show results: a matrix, passed, failed and flaky tests, latencies, workers')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show what changed between two runs')
            [CompletionResult]::new('results', 'results', [CompletionResultType]::ParameterValue, 'Judge, mark and query stored results')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the state of the coordinator and its newest runs')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel a run: drop its waiting tests and stop its running ones')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Print the output of a test')
            [CompletionResult]::new('why', 'why', [CompletionResultType]::ParameterValue, 'Explain why a test waits, was skipped, or ended as it did')
            [CompletionResult]::new('debug', 'debug', [CompletionResultType]::ParameterValue, 'Run a failed model test again to find where its difference begins')
            [CompletionResult]::new('workers', 'workers', [CompletionResultType]::ParameterValue, 'List workers, or drain a worker')
            [CompletionResult]::new('weights', 'weights', [CompletionResultType]::ParameterValue, 'List, verify, remove and push the weights of models')
            [CompletionResult]::new('templates', 'templates', [CompletionResultType]::ParameterValue, 'List, show, add and check test templates')
            [CompletionResult]::new('log', 'log', [CompletionResultType]::ParameterValue, 'Read the event log of a coordinator that is not running')
            [CompletionResult]::new('detect', 'detect', [CompletionResultType]::ParameterValue, 'Show the processors, memory and devices of this machine')
            [CompletionResult]::new('deploy-script', 'deploy-script', [CompletionResultType]::ParameterValue, 'Write scripts that install and start a worker or a coordinator')
            [CompletionResult]::new('path', 'path', [CompletionResultType]::ParameterValue, 'Convert paths between Windows, POSIX, WSL, MSYS2 and Cygwin')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show the settings in effect')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('config-reference', 'config-reference', [CompletionResultType]::ParameterValue, 'Print docs/config.md')
            [CompletionResult]::new('openapi', 'openapi', [CompletionResultType]::ParameterValue, 'Print docs/openapi.json')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'dtf;help;coordinator' {
            break
        }
        'dtf;help;worker' {
            break
        }
        'dtf;help;submit' {
            break
        }
        'dtf;help;wait' {
            break
        }
        'dtf;help;check' {
            break
        }
        'dtf;help;run' {
            break
        }
        'dtf;help;generate' {
            break
        }
        'dtf;help;upgrade' {
            break
        }
        'dtf;help;bisect' {
            break
        }
        'dtf;help;report' {
            break
        }
        'dtf;help;diff' {
            break
        }
        'dtf;help;results' {
            [CompletionResult]::new('accept', 'accept', [CompletionResultType]::ParameterValue, 'Accept a change: later results are compared with the new values')
            [CompletionResult]::new('quarantine', 'quarantine', [CompletionResultType]::ParameterValue, 'List, add or remove quarantines of tests')
            [CompletionResult]::new('flaky', 'flaky', [CompletionResultType]::ParameterValue, 'Show flaky tests, and the rates of failures of workers and back-ends')
            [CompletionResult]::new('query', 'query', [CompletionResultType]::ParameterValue, 'Answer a query in SQL')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write all tables as Parquet files')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Add exported results of another coordinator, to compare with them')
            [CompletionResult]::new('gc', 'gc', [CompletionResultType]::ParameterValue, 'Remove old runs, and shrink the files')
            [CompletionResult]::new('rebuild', 'rebuild', [CompletionResultType]::ParameterValue, 'Write the results database anew from the event log')
            [CompletionResult]::new('segments', 'segments', [CompletionResultType]::ParameterValue, 'Divide histories from standard input into segments')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'Answer a query for another process')
            break
        }
        'dtf;help;results;accept' {
            break
        }
        'dtf;help;results;quarantine' {
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Put tests into quarantine')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List quarantines')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'End a quarantine before it expires')
            break
        }
        'dtf;help;results;quarantine;add' {
            break
        }
        'dtf;help;results;quarantine;list' {
            break
        }
        'dtf;help;results;quarantine;remove' {
            break
        }
        'dtf;help;results;flaky' {
            break
        }
        'dtf;help;results;query' {
            break
        }
        'dtf;help;results;export' {
            break
        }
        'dtf;help;results;import' {
            break
        }
        'dtf;help;results;gc' {
            break
        }
        'dtf;help;results;rebuild' {
            break
        }
        'dtf;help;results;segments' {
            break
        }
        'dtf;help;results;answer' {
            break
        }
        'dtf;help;status' {
            break
        }
        'dtf;help;cancel' {
            break
        }
        'dtf;help;logs' {
            break
        }
        'dtf;help;why' {
            break
        }
        'dtf;help;debug' {
            break
        }
        'dtf;help;workers' {
            break
        }
        'dtf;help;weights' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List stored weights, those that were used last first')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Read stored weights and compare them with their digests')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove stored weights that no waiting or running test needs')
            [CompletionResult]::new('push', 'push', [CompletionResultType]::ParameterValue, 'Send the weights in a directory to the coordinator, before tests need them')
            break
        }
        'dtf;help;weights;list' {
            break
        }
        'dtf;help;weights;verify' {
            break
        }
        'dtf;help;weights;remove' {
            break
        }
        'dtf;help;weights;push' {
            break
        }
        'dtf;help;templates' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the templates in effect: built-in ones, those of the coordinator and your own')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print a template or a shared part of templates')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Add templates to the coordinator, for all users of it')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check templates: render, parse and dry-run their scripts')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the versions of a template, with author and time')
            break
        }
        'dtf;help;templates;list' {
            break
        }
        'dtf;help;templates;show' {
            break
        }
        'dtf;help;templates;add' {
            break
        }
        'dtf;help;templates;check' {
            break
        }
        'dtf;help;templates;history' {
            break
        }
        'dtf;help;log' {
            [CompletionResult]::new('dump', 'dump', [CompletionResultType]::ParameterValue, 'Print the records of the log as JSON, one per line')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the readable records to a new log')
            break
        }
        'dtf;help;log;dump' {
            break
        }
        'dtf;help;log;export' {
            break
        }
        'dtf;help;detect' {
            break
        }
        'dtf;help;deploy-script' {
            break
        }
        'dtf;help;path' {
            [CompletionResult]::new('convert', 'convert', [CompletionResultType]::ParameterValue, 'Convert paths to the form of another system')
            break
        }
        'dtf;help;path;convert' {
            break
        }
        'dtf;help;config' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print each setting with its value')
            [CompletionResult]::new('path', 'path', [CompletionResultType]::ParameterValue, 'Print the path of the settings file, whether it exists or not')
            break
        }
        'dtf;help;config;show' {
            break
        }
        'dtf;help;config;path' {
            break
        }
        'dtf;help;completions' {
            break
        }
        'dtf;help;config-reference' {
            break
        }
        'dtf;help;openapi' {
            break
        }
        'dtf;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
