# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_larder_global_optspecs
    string join \n r/repo= q/quiet v/verbose json no-color banner no-progress progress-interval= lock-wait= passphrase-file= passphrase-command= passphrase-fd= key-file= accept-rollback h/help V/version
end

function __fish_larder_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_larder_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_larder_using_subcommand
    set -l cmd (__fish_larder_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c larder -n "__fish_larder_needs_command" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_needs_command" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_needs_command" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_needs_command" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_needs_command" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_needs_command" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_needs_command" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_needs_command" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_needs_command" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_needs_command" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_needs_command" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_needs_command" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_needs_command" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_needs_command" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_needs_command" -s V -l version -d 'Print version'
complete -c larder -n "__fish_larder_needs_command" -f -a "init" -d 'Make a repository'
complete -c larder -n "__fish_larder_needs_command" -f -a "key" -d 'Manage what opens a repository: passphrases and key files'
complete -c larder -n "__fish_larder_needs_command" -f -a "backup" -d 'Store directories and files as a snapshot'
complete -c larder -n "__fish_larder_needs_command" -f -a "restore" -d 'Bring files back from a snapshot or a run'
complete -c larder -n "__fish_larder_needs_command" -f -a "snapshots" -d 'List snapshots'
complete -c larder -n "__fish_larder_needs_command" -f -a "log" -d 'Show the history of snapshots or runs, newest first'
complete -c larder -n "__fish_larder_needs_command" -f -a "show" -d 'Show a snapshot, a path in it, a run, or an object'
complete -c larder -n "__fish_larder_needs_command" -f -a "ls" -d 'List the files of a snapshot'
complete -c larder -n "__fish_larder_needs_command" -f -a "diff" -d 'Show what differs between snapshots, or from a directory'
complete -c larder -n "__fish_larder_needs_command" -f -a "find" -d 'Find files in snapshots'
complete -c larder -n "__fish_larder_needs_command" -f -a "dump" -d 'Write a file or directory of a snapshot to the standard output'
complete -c larder -n "__fish_larder_needs_command" -f -a "tag" -d 'Add or remove tags of snapshots'
complete -c larder -n "__fish_larder_needs_command" -f -a "forget" -d 'Let go of snapshots that are no longer needed'
complete -c larder -n "__fish_larder_needs_command" -f -a "run" -d 'Run tasks once, and give back what is known'
complete -c larder -n "__fish_larder_needs_command" -f -a "explain" -d 'Say why tasks would run, or need not'
complete -c larder -n "__fish_larder_needs_command" -f -a "tasks" -d 'List the tasks of a manifest'
complete -c larder -n "__fish_larder_needs_command" -f -a "graph" -d 'Show tasks, what they wait for, and how they stand'
complete -c larder -n "__fish_larder_needs_command" -f -a "clean" -d 'Remove the outputs of tasks'
complete -c larder -n "__fish_larder_needs_command" -f -a "remote" -d 'Manage the places that a repository is synced with'
complete -c larder -n "__fish_larder_needs_command" -f -a "sync" -d 'Carry what one replica has and another lacks, both ways'
complete -c larder -n "__fish_larder_needs_command" -f -a "copy" -d 'Copy snapshots into a repository with other keys'
complete -c larder -n "__fish_larder_needs_command" -f -a "serve" -d 'Serve a repository\'s files over HTTP'
complete -c larder -n "__fish_larder_needs_command" -f -a "status" -d 'Show the state of the repository at a glance'
complete -c larder -n "__fish_larder_needs_command" -f -a "stats" -d 'Show how much space snapshots take'
complete -c larder -n "__fish_larder_needs_command" -f -a "verify" -d 'Check that a repository is whole and unchanged'
complete -c larder -n "__fish_larder_needs_command" -f -a "gc" -d 'Free the space of what no snapshot and no run needs'
complete -c larder -n "__fish_larder_needs_command" -f -a "bench" -d 'Measure how fast the pieces of larder are here'
complete -c larder -n "__fish_larder_needs_command" -f -a "help" -d 'Explain a command, or list them'
complete -c larder -n "__fish_larder_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c larder -n "__fish_larder_needs_command" -f -a "hash-object" -d 'Print the id of content'
complete -c larder -n "__fish_larder_needs_command" -f -a "cat-object" -d 'Print an object, its kind or its size'
complete -c larder -n "__fish_larder_needs_command" -f -a "list-objects" -d 'List the ids of objects'
complete -c larder -n "__fish_larder_needs_command" -f -a "write-tree" -d 'Store directories and files as a tree'
complete -c larder -n "__fish_larder_needs_command" -f -a "ls-tree" -d 'List the entries of a stored directory'
complete -c larder -n "__fish_larder_needs_command" -f -a "restore-tree" -d 'Restore a stored directory'
complete -c larder -n "__fish_larder_needs_command" -f -a "write-snapshot" -d 'Make a snapshot of a stored tree'
complete -c larder -n "__fish_larder_needs_command" -f -a "resolve" -d 'Print the id that a name stands for'
complete -c larder -n "__fish_larder_needs_command" -f -a "record" -d 'Look up, add, list and remove the records of runs'
complete -c larder -n "__fish_larder_needs_command" -f -a "parse-manifest" -d 'Check a manifest and print what it says'
complete -c larder -n "__fish_larder_needs_command" -f -a "action-id" -d 'Print the id of what a task would run'
complete -c larder -n "__fish_larder_needs_command" -f -a "exec-task" -d 'Execute one command as run executes tasks'
complete -c larder -n "__fish_larder_needs_command" -f -a "index" -d 'Check, rebuild or measure the index'
complete -c larder -n "__fish_larder_needs_command" -f -a "digest" -d 'Print a checksum of files or of standard input'
complete -c larder -n "__fish_larder_needs_command" -f -a "chunk" -d 'List where content is cut into chunks'
complete -c larder -n "__fish_larder_needs_command" -f -a "compress" -d 'Compress a file to standard output'
complete -c larder -n "__fish_larder_needs_command" -f -a "decompress" -d 'Decompress a file to standard output'
complete -c larder -n "__fish_larder_needs_command" -f -a "lock" -d 'Run a command while the repository is locked'
complete -c larder -n "__fish_larder_needs_command" -f -a "serve-stdio" -d 'Serve a repository\'s files over stdin and stdout'
complete -c larder -n "__fish_larder_needs_command" -f -a "ls-remote" -d 'List what is at a remote, and carry nothing over'
complete -c larder -n "__fish_larder_using_subcommand init" -l encryption -d 'aes-256-gcm, or none: then everything can be read by whoever has the files' -r
complete -c larder -n "__fish_larder_using_subcommand init" -l chunk-profile -d 'Sizes of chunks: default (16/64/256 KiB), fine (4/16/64 KiB) or coarse (256/1024/4096 KiB)' -r
complete -c larder -n "__fish_larder_using_subcommand init" -l chunk-sizes -d 'Sizes of chunks in bytes: 4096/32768/131072' -r
complete -c larder -n "__fish_larder_using_subcommand init" -l compression -d 'How what is stored is compressed: none, zlib, gzip, lz4 or zstd, with a level if wanted: zstd:9' -r
complete -c larder -n "__fish_larder_using_subcommand init" -l like -d 'Cut content as this repository does, so that what is copied between the two is known by its chunks' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand init" -l like-passphrase-file -d 'Open the other repository with the passphrase in the first line of this file; otherwise as this one' -r -F
complete -c larder -n "__fish_larder_using_subcommand init" -l like-key-file -d 'Open the other repository with this key file' -r -F
complete -c larder -n "__fish_larder_using_subcommand init" -l label -d 'What to call the first key' -r
complete -c larder -n "__fish_larder_using_subcommand init" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand init" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand init" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand init" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand init" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand init" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand init" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand init" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand init" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand init" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand init" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand init" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand init" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand init" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -f -a "init" -d 'Make a key file of random bytes, which only its owner can read; or a new identity of this device'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -f -a "list" -d 'List the slots: id, kind, when it was made, label, with tabs between them'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -f -a "add" -d 'Add a slot for another passphrase or key file; its id is printed'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -f -a "remove" -d 'Remove a slot. What its owner has seen is not revoked by this'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -f -a "passwd" -d 'Change the passphrase or key file of the slot that the present one opens; the new slot\'s id is printed'
complete -c larder -n "__fish_larder_using_subcommand key; and not __fish_seen_subcommand_from init list add remove passwd show" -f -a "show" -d 'List the keys of the keyring, never their bytes: epoch, id, purpose, whether new files use it; or show the device'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l new-device -d 'Sign with a new key from now on, because the one that this device signed with is lost'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l new-passphrase-file -d 'Read the new passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l new-passphrase-command -d 'Run this with `sh -c` and read the new passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l new-passphrase-fd -d 'Read the new passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l new-key-file -d 'The new slot shall open with this key file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l label -d 'What to call it' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l new-passphrase-file -d 'Read the new passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l new-passphrase-command -d 'Run this with `sh -c` and read the new passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l new-passphrase-fd -d 'Read the new passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l new-key-file -d 'The new slot shall open with this key file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from passwd" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l device -d 'Show who signs what is written here: the device\'s id and its public key in base64'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand key; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand backup" -s e -l exclude -d 'Leave out what matches this pattern (gitignore syntax); may be given several times' -r
complete -c larder -n "__fish_larder_using_subcommand backup" -l exclude-file -d 'Leave out what matches the patterns in this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand backup" -s i -l include -d 'Store what matches this pattern and all beneath it, whatever the other patterns say, also in directories that they leave out' -r
complete -c larder -n "__fish_larder_using_subcommand backup" -l exclude-if-present -d 'Leave out what is in directories that hold a file of this name, beginning with HEADER if one is given' -r
complete -c larder -n "__fish_larder_using_subcommand backup" -l exclude-larger-than -d 'Leave out files larger than this, such as 100MiB' -r
complete -c larder -n "__fish_larder_using_subcommand backup" -l files-from -d 'Also store the paths in this file, one a line; - is the standard input' -r -F
complete -c larder -n "__fish_larder_using_subcommand backup" -l files-from0 -d 'The same with a NUL after each path' -r -F
complete -c larder -n "__fish_larder_using_subcommand backup" -l stdin-name -d 'The path under which --stdin is stored' -r -F
complete -c larder -n "__fish_larder_using_subcommand backup" -l from-command -d 'Store what COMMAND prints as a file of this path, if COMMAND succeeds' -r -F
complete -c larder -n "__fish_larder_using_subcommand backup" -l tag -d 'Give the snapshot these tags' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand backup" -l host -d 'The machine\'s name in the snapshot' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand backup" -l time -d 'The snapshot\'s time, such as 2026-11-21T10:00:00Z; the present otherwise' -r
complete -c larder -n "__fish_larder_using_subcommand backup" -s j -l jobs -d 'Threads; one for each processor otherwise' -r
complete -c larder -n "__fish_larder_using_subcommand backup" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand backup" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand backup" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand backup" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand backup" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand backup" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand backup" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand backup" -l git-ignore -d 'Leave out what .gitignore files name'
complete -c larder -n "__fish_larder_using_subcommand backup" -l no-larderignore -d 'Do not read .larderignore files'
complete -c larder -n "__fish_larder_using_subcommand backup" -l exclude-caches -d 'Leave out what is in directories with a CACHEDIR.TAG'
complete -c larder -n "__fish_larder_using_subcommand backup" -s x -l one-file-system -d 'Stay on the file system of each source'
complete -c larder -n "__fish_larder_using_subcommand backup" -l stdin -d 'Store the standard input as one file'
complete -c larder -n "__fish_larder_using_subcommand backup" -l skip-if-unchanged -d 'Make no snapshot if nothing changed'
complete -c larder -n "__fish_larder_using_subcommand backup" -l allow-empty -d 'Make a snapshot even if a source is missing or empty'
complete -c larder -n "__fish_larder_using_subcommand backup" -l birth-times -d 'Keep birth times; they cannot be restored'
complete -c larder -n "__fish_larder_using_subcommand backup" -l no-git -d 'Do not note the git commit of a work tree'
complete -c larder -n "__fish_larder_using_subcommand backup" -l fail-fast -d 'Stop at the first item that cannot be read, and make no snapshot'
complete -c larder -n "__fish_larder_using_subcommand backup" -l keep-going -d 'Go on after an item that cannot be read: what it does unless --fail-fast is given before'
complete -c larder -n "__fish_larder_using_subcommand backup" -s n -l dry-run -d 'Say what would be read and store nothing'
complete -c larder -n "__fish_larder_using_subcommand backup" -s f -l force -d 'Read every file, even those that look unchanged'
complete -c larder -n "__fish_larder_using_subcommand backup" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand backup" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand backup" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand backup" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand backup" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand backup" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand backup" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand restore" -s t -l target -d 'Where to restore to: the directory becomes what the path names' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand restore" -l path -d 'Restore what stands at this path of the snapshot; the same as SNAPSHOT:PATH' -r -F
complete -c larder -n "__fish_larder_using_subcommand restore" -l include -d 'Restore only what matches (gitignore syntax); may be given several times' -r
complete -c larder -n "__fish_larder_using_subcommand restore" -l exclude -d 'Restore nothing that matches (gitignore syntax); may be given several times' -r
complete -c larder -n "__fish_larder_using_subcommand restore" -l overwrite -d 'What becomes of files that are there: always, if-changed (believes size and time), if-newer or never' -r
complete -c larder -n "__fish_larder_using_subcommand restore" -l owners -d 'Whose the files are: numeric, names or none' -r
complete -c larder -n "__fish_larder_using_subcommand restore" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand restore" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand restore" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand restore" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand restore" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand restore" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand restore" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand restore" -l delete -d 'Remove what the snapshot does not have'
complete -c larder -n "__fish_larder_using_subcommand restore" -l allow-partial -d 'With --delete: also by a snapshot that lacks what could not be read when it was made'
complete -c larder -n "__fish_larder_using_subcommand restore" -s n -l dry-run -d 'Say what would be done, and do nothing'
complete -c larder -n "__fish_larder_using_subcommand restore" -l verify -d 'Read everything back afterwards and compare it'
complete -c larder -n "__fish_larder_using_subcommand restore" -l sparse -d 'Write no zeros that fill whole blocks, even of files that were not sparse'
complete -c larder -n "__fish_larder_using_subcommand restore" -l strict-metadata -d 'Count metadata that cannot be set as a failure of its file'
complete -c larder -n "__fish_larder_using_subcommand restore" -l keep-going -d 'Go on after an item that cannot be restored: what it does unless --fail-fast is given'
complete -c larder -n "__fish_larder_using_subcommand restore" -l fail-fast -d 'Stop at the first item that cannot be restored'
complete -c larder -n "__fish_larder_using_subcommand restore" -l inputs -d 'Of a run, also the inputs, where they were kept'
complete -c larder -n "__fish_larder_using_subcommand restore" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand restore" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand restore" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand restore" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand restore" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand restore" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand restore" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l host -d 'Only snapshots of this machine; may be given several times' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -s n -l last -d 'Only the newest so many of each group' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -s g -l group-by -d 'Group by these: host, paths, tags' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -a "list" -d 'List snapshots; with --json as one array'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -a "show" -d 'Show snapshots, as `larder show`'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and not __fish_seen_subcommand_from list show forget" -a "forget" -d 'Let go of snapshots, as `larder forget`'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l host -d 'Only snapshots of this machine; may be given several times' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -s n -l last -d 'Only the newest so many of each group' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -s g -l group-by -d 'Group by these: host, paths, tags' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l host -d 'Only snapshots of this machine; may be given several times' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s l -l keep-last -d 'The newest N snapshots; N may be `unlimited` here and below' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-minutely -d 'The newest snapshot of each of N minutes' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s H -l keep-hourly -d 'The newest snapshot of each of N hours' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s d -l keep-daily -d 'The newest snapshot of each of N days' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s w -l keep-weekly -d 'The newest snapshot of each of N weeks' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s m -l keep-monthly -d 'The newest snapshot of each of N months' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-quarterly -d 'The newest snapshot of each of N quarters of a year' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s y -l keep-yearly -d 'The newest snapshot of each of N years' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-within -d 'All snapshots less than this older than the newest: 30d, 1y6M' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-within-hourly -d 'The newest of each hour within this' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-within-daily -d 'The newest of each day within this' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-within-weekly -d 'The newest of each week within this' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-within-monthly -d 'The newest of each month within this' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-within-quarterly -d 'The newest of each quarter within this' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-within-yearly -d 'The newest of each year within this' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-younger -d 'All snapshots younger than this now; a source that is backed up no more keeps only its last' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l keep-tag -d 'Snapshots with all of these tags; may be given several times' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l group-by -d 'Count snapshots together that have these in common: host, paths, tags; empty for all in one' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l allow-empty -d 'Let the last snapshot of a source go'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s n -l dry-run -d 'Say what would be forgotten and what gc could free then, and forget nothing'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand snapshots; and __fish_seen_subcommand_from forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand log" -l host -d 'Only snapshots of this machine; may be given several times' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand log" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand log" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand log" -s n -l last -d 'Only the newest so many' -r
complete -c larder -n "__fish_larder_using_subcommand log" -l task -d 'Only runs of this task; may be given several times' -r
complete -c larder -n "__fish_larder_using_subcommand log" -l status -d 'Only runs that ended so: success, failed, timeout, cancelled, unstored' -r
complete -c larder -n "__fish_larder_using_subcommand log" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand log" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand log" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand log" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand log" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand log" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand log" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand log" -l oneline -d 'One line for each'
complete -c larder -n "__fish_larder_using_subcommand log" -l runs -d 'Runs instead of snapshots'
complete -c larder -n "__fish_larder_using_subcommand log" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand log" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand log" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand log" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand log" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand log" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand log" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand log" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand show" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand show" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand show" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand show" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand show" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand show" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand show" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand show" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand show" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand show" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand show" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand show" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand show" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand show" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand ls" -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand ls" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand ls" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand ls" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand ls" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand ls" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand ls" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand ls" -s l -l long -d 'Show mode, owner, size and time'
complete -c larder -n "__fish_larder_using_subcommand ls" -s r -s R -l recursive -d 'List everything below, too'
complete -c larder -n "__fish_larder_using_subcommand ls" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand ls" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand ls" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand ls" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand ls" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand ls" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand ls" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand diff" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand diff" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand diff" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand diff" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand diff" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand diff" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand diff" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand diff" -l metadata -d 'Also tell of entries of which only metadata differs'
complete -c larder -n "__fish_larder_using_subcommand diff" -l content -d 'Against a directory: read files even when size and time are equal'
complete -c larder -n "__fish_larder_using_subcommand diff" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand diff" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand diff" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand diff" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand diff" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand diff" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand diff" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand find" -l host -d 'Only snapshots of this machine; may be given several times' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand find" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand find" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand find" -s s -l snapshot -d 'Look only in this snapshot; may be given several times' -r -f
complete -c larder -n "__fish_larder_using_subcommand find" -l kind -d 'Only entries of this type: file, dir, symlink, fifo, socket, chardev, blockdev' -r
complete -c larder -n "__fish_larder_using_subcommand find" -l newer -d 'Modified after this time' -r
complete -c larder -n "__fish_larder_using_subcommand find" -l older -d 'Modified before this time' -r
complete -c larder -n "__fish_larder_using_subcommand find" -l larger -d 'Larger than this' -r
complete -c larder -n "__fish_larder_using_subcommand find" -l smaller -d 'Smaller than this' -r
complete -c larder -n "__fish_larder_using_subcommand find" -l object -d 'Whose content is this object' -r
complete -c larder -n "__fish_larder_using_subcommand find" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand find" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand find" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand find" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand find" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand find" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand find" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand find" -s i -l ignore-case -d 'Letters match in either case'
complete -c larder -n "__fish_larder_using_subcommand find" -s l -l long -d 'Mode, owner, size and time too'
complete -c larder -n "__fish_larder_using_subcommand find" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand find" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand find" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand find" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand find" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand find" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand find" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand find" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand dump" -s f -l format -d 'raw, tar, tar.gz, tar.zst or zip; otherwise raw for a file and tar for a directory' -r
complete -c larder -n "__fish_larder_using_subcommand dump" -s o -l output -d 'Write to this file instead of the standard output' -r -F
complete -c larder -n "__fish_larder_using_subcommand dump" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand dump" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand dump" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand dump" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand dump" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand dump" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand dump" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand dump" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand dump" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand dump" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand dump" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand dump" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand dump" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand dump" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand dump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand tag" -l host -d 'Only snapshots of this machine; may be given several times' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand tag" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand tag" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand tag" -l add -d 'Add these tags' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand tag" -l remove -d 'Remove these tags' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand tag" -l set -d 'Replace all tags by these' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand tag" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand tag" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand tag" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand tag" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand tag" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand tag" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand tag" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand tag" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand tag" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand tag" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand tag" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand tag" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand tag" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand tag" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand tag" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand forget" -l host -d 'Only snapshots of this machine; may be given several times' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand forget" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand forget" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand forget" -s l -l keep-last -d 'The newest N snapshots; N may be `unlimited` here and below' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-minutely -d 'The newest snapshot of each of N minutes' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -s H -l keep-hourly -d 'The newest snapshot of each of N hours' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -s d -l keep-daily -d 'The newest snapshot of each of N days' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -s w -l keep-weekly -d 'The newest snapshot of each of N weeks' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -s m -l keep-monthly -d 'The newest snapshot of each of N months' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-quarterly -d 'The newest snapshot of each of N quarters of a year' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -s y -l keep-yearly -d 'The newest snapshot of each of N years' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-within -d 'All snapshots less than this older than the newest: 30d, 1y6M' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-within-hourly -d 'The newest of each hour within this' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-within-daily -d 'The newest of each day within this' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-within-weekly -d 'The newest of each week within this' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-within-monthly -d 'The newest of each month within this' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-within-quarterly -d 'The newest of each quarter within this' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-within-yearly -d 'The newest of each year within this' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-younger -d 'All snapshots younger than this now; a source that is backed up no more keeps only its last' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-tag -d 'Snapshots with all of these tags; may be given several times' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand forget" -l group-by -d 'Count snapshots together that have these in common: host, paths, tags; empty for all in one' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand forget" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand forget" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand forget" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand forget" -l allow-empty -d 'Let the last snapshot of a source go'
complete -c larder -n "__fish_larder_using_subcommand forget" -s n -l dry-run -d 'Say what would be forgotten and what gc could free then, and forget nothing'
complete -c larder -n "__fish_larder_using_subcommand forget" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand forget" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand forget" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand forget" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand forget" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand forget" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand forget" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand forget" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand run" -s f -l file -d 'The manifest; otherwise the first word if it names one, otherwise `larder.toml` here or above' -r -F
complete -c larder -n "__fish_larder_using_subcommand run" -s j -l jobs -d 'How many tasks run at once; otherwise as many as there are cores' -r
complete -c larder -n "__fish_larder_using_subcommand run" -l max-concurrent -d 'Never run more tasks at once than this' -r
complete -c larder -n "__fish_larder_using_subcommand run" -s t -l timeout -d 'End a task that takes longer than this and does not say itself how long it may take' -r
complete -c larder -n "__fish_larder_using_subcommand run" -l max-input-size -d 'Refuse tasks that read a longer file; otherwise as the settings say, or 1 GiB' -r
complete -c larder -n "__fish_larder_using_subcommand run" -s o -l output -d 'Which output of tasks is shown; `json` speaks JSON as --json does' -r -f -a "errors\t'That of tasks that fail'
full\t'All of it; of tasks that need not run, what they wrote when they ran'
none\t'None'
text\t'As `errors`'
json\t'One JSON object a line for all that happens; as --json'"
complete -c larder -n "__fish_larder_using_subcommand run" -s m -l metrics -d 'Write what was done, in numbers, to this file: JSON, also when tasks fail or a signal ends the run' -r -F
complete -c larder -n "__fish_larder_using_subcommand run" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand run" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand run" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand run" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand run" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand run" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand run" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand run" -s k -l keep-going -d 'After a failure, go on with all that does not need what failed'
complete -c larder -n "__fish_larder_using_subcommand run" -l force -d 'Execute everything that is wanted, whatever is known'
complete -c larder -n "__fish_larder_using_subcommand run" -s n -l dry-run -d 'Say what would be done, and do nothing'
complete -c larder -n "__fish_larder_using_subcommand run" -l verify-cache -d 'Read the stored results of what is current, and run again what is damaged'
complete -c larder -n "__fish_larder_using_subcommand run" -l keep-inputs -d 'Store what tasks read, too: `larder restore run:ID --inputs` gives it back'
complete -c larder -n "__fish_larder_using_subcommand run" -l env-passthrough -d 'Give tasks all variables of the environment; a result then counts only while those that tasks do not see anyway are the same'
complete -c larder -n "__fish_larder_using_subcommand run" -l clean-cache -d 'Forget what is stored of what is wanted, pinned runs apart, and execute it all'
complete -c larder -n "__fish_larder_using_subcommand run" -l list-tasks -d 'List what can be run, as `larder tasks` does, and run nothing'
complete -c larder -n "__fish_larder_using_subcommand run" -l stats -d 'At the end, say in a box what was done, in numbers'
complete -c larder -n "__fish_larder_using_subcommand run" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand run" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand run" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand run" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand run" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand run" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand run" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand explain" -s f -l file -d 'The manifest; else the first word if it names one, else the larder.toml here or above' -r -F
complete -c larder -n "__fish_larder_using_subcommand explain" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand explain" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand explain" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand explain" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand explain" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand explain" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand explain" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand explain" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand explain" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand explain" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand explain" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand explain" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand explain" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand explain" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand tasks" -s f -l file -d 'The manifest; else the larder.toml here or above' -r -F
complete -c larder -n "__fish_larder_using_subcommand tasks" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand tasks" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand tasks" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand tasks" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand tasks" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand tasks" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand tasks" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand tasks" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand tasks" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand tasks" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand tasks" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand tasks" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand tasks" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand tasks" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand tasks" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand graph" -s f -l file -d 'The manifest; else the first word if it names one, else the larder.toml here or above' -r -F
complete -c larder -n "__fish_larder_using_subcommand graph" -l format -d 'How to write it' -r -f -a "text\t'One line a task, indented by how deep it stands'
dot\t'For Graphviz'
json\t'One JSON object a line'
mermaid\t'For Mermaid'"
complete -c larder -n "__fish_larder_using_subcommand graph" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand graph" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand graph" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand graph" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand graph" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand graph" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand graph" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand graph" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand graph" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand graph" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand graph" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand graph" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand graph" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand graph" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand graph" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand clean" -s f -l file -d 'The manifest; else the first word if it names one, else the larder.toml here or above' -r -F
complete -c larder -n "__fish_larder_using_subcommand clean" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand clean" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand clean" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand clean" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand clean" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand clean" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand clean" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand clean" -s n -l dry-run -d 'List what would be removed, and remove nothing'
complete -c larder -n "__fish_larder_using_subcommand clean" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand clean" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand clean" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand clean" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand clean" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand clean" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand clean" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand clean" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -f -a "add" -d 'Give an address a name. A medium that is not a directory is asked what it does with a name that is taken'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -f -a "list" -d 'List the remotes: name, tab, address without secrets'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -f -a "remove" -d 'Forget a name. Nothing changes at its address'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -f -a "rename" -d 'Give a remote another name'
complete -c larder -n "__fish_larder_using_subcommand remote; and not __fish_seen_subcommand_from add list remove rename test" -f -a "test" -d 'Write a small file there, read it, list it, delete it; and say what is there. No key is needed'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from rename" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand remote; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand sync" -l host -d 'Only snapshots of this machine; may be given several times' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand sync" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand sync" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand sync" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand sync" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand sync" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand sync" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand sync" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand sync" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand sync" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand sync" -l push -d 'Only from here to there'
complete -c larder -n "__fish_larder_using_subcommand sync" -l pull -d 'Only from there to here'
complete -c larder -n "__fish_larder_using_subcommand sync" -s n -l dry-run -d 'Say what would be carried, and carry nothing'
complete -c larder -n "__fish_larder_using_subcommand sync" -l snapshots -d 'Snapshots, and no results of tasks'
complete -c larder -n "__fish_larder_using_subcommand sync" -l runs -d 'Results of tasks, and no snapshots'
complete -c larder -n "__fish_larder_using_subcommand sync" -l index-only -d 'Bring history and index here and no packs: what is needed is read there when it is needed'
complete -c larder -n "__fish_larder_using_subcommand sync" -l mirror -d 'Without a key: copy all files by name, one way, to the remote unless --pull is given'
complete -c larder -n "__fish_larder_using_subcommand sync" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand sync" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand sync" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand sync" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand sync" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand sync" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand sync" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand copy" -l to -d 'The other repository: a directory, an address or the name of a remote' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand copy" -l to-passphrase-file -d 'Open the other repository with the passphrase in the first line of this file; otherwise as this one' -r -F
complete -c larder -n "__fish_larder_using_subcommand copy" -l to-passphrase-command -d 'Run this with `sh -c` and read the passphrase of the other repository from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand copy" -l to-key-file -d 'Open the other repository with this key file' -r -F
complete -c larder -n "__fish_larder_using_subcommand copy" -l host -d 'Only snapshots of this machine; may be given several times' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand copy" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand copy" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand copy" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand copy" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand copy" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand copy" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand copy" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand copy" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand copy" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand copy" -s n -l dry-run -d 'Say what would be copied, and copy nothing'
complete -c larder -n "__fish_larder_using_subcommand copy" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand copy" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand copy" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand copy" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand copy" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand copy" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand copy" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand serve" -l listen -d 'Where to listen, HOST:PORT; port 0 is any that is free' -r
complete -c larder -n "__fish_larder_using_subcommand serve" -l token-file -d 'Admit only those who show the token in this file, which nobody else may read' -r -F
complete -c larder -n "__fish_larder_using_subcommand serve" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand serve" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand serve" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand serve" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand serve" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand serve" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand serve" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand serve" -l read-only -d 'Refuse whatever would change something'
complete -c larder -n "__fish_larder_using_subcommand serve" -l append-only -d 'Refuse to replace and to delete, leases aside: enough for backup, restore, verify and sync'
complete -c larder -n "__fish_larder_using_subcommand serve" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand serve" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand serve" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand serve" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand serve" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand serve" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand serve" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand status" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand status" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand status" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand status" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand status" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand status" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand status" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand status" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand status" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand status" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand status" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand status" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand status" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand status" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand stats" -l host -d 'Only snapshots of this machine; may be given several times' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand stats" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand stats" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand stats" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand stats" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand stats" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand stats" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand stats" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand stats" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand stats" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand stats" -l each -d 'Also what each snapshot holds that no other one has'
complete -c larder -n "__fish_larder_using_subcommand stats" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand stats" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand stats" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand stats" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand stats" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand stats" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand stats" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand verify" -l read-data -d 'Also read the data: all of it, or a part: 1/7, 5% or 20GiB. Percents and sizes move on from time to time' -r
complete -c larder -n "__fish_larder_using_subcommand verify" -l from -d 'Repair from this replica instead of from all remotes: a remote, an address or a directory; may be given several times' -r -F
complete -c larder -n "__fish_larder_using_subcommand verify" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand verify" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand verify" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand verify" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand verify" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand verify" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand verify" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand verify" -l quick -d 'Only ask whether everything is indexed and its packs are there and long enough'
complete -c larder -n "__fish_larder_using_subcommand verify" -l scrub -d 'Without a key: compare every file with the SHA-256 that is its name'
complete -c larder -n "__fish_larder_using_subcommand verify" -l all -d 'Everything, which is what is checked where no snapshot is named'
complete -c larder -n "__fish_larder_using_subcommand verify" -l repair -d 'Fetch what is missing or damaged from the remotes that have it, and look again. Reads all data, unless another level is given'
complete -c larder -n "__fish_larder_using_subcommand verify" -l report -d 'Answer with one JSON object, the totals, and nothing else'
complete -c larder -n "__fish_larder_using_subcommand verify" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand verify" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand verify" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand verify" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand verify" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand verify" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand verify" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand gc" -l max-repack -d 'Write at most so much of half-empty packs anew; what is left stays for the next time' -r
complete -c larder -n "__fish_larder_using_subcommand gc" -l max-unused -d 'Write a pack anew when so many percent of it are not needed: 20 if nothing is said, 0 to free every byte' -r
complete -c larder -n "__fish_larder_using_subcommand gc" -l keep-runs -d 'Which runs stay: those used within an AGE, a COUNT of them (1000), or a SIZE; given several times, what all of them keep; otherwise the setting run-keep, otherwise 30d and 20GiB. `all` lets go of none' -r
complete -c larder -n "__fish_larder_using_subcommand gc" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand gc" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand gc" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand gc" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand gc" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand gc" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand gc" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand gc" -s n -l dry-run -d 'Say what would be done, and do nothing'
complete -c larder -n "__fish_larder_using_subcommand gc" -l no-writers -d 'Nobody else is at work in this repository, on any machine: take away what others left there to say that they are'
complete -c larder -n "__fish_larder_using_subcommand gc" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand gc" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand gc" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand gc" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand gc" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand gc" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand gc" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand gc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand bench" -l size -d 'Data to measure each piece with' -r
complete -c larder -n "__fish_larder_using_subcommand bench" -l index -d 'Made-up entries of the index that is measured, in a directory that is removed afterwards; 0 for none' -r
complete -c larder -n "__fish_larder_using_subcommand bench" -l dir -d 'Where that directory is made; otherwise where temporary files are' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand bench" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand bench" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand bench" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand bench" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand bench" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand bench" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand bench" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand bench" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand bench" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand bench" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand bench" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand bench" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand bench" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand bench" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand help" -l generate -d 'Write what is made from the table into a directory: `man`, `completions`, `cli`, `errors` or `schema`' -r -F
complete -c larder -n "__fish_larder_using_subcommand help" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand help" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand help" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand help" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand help" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand help" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand help" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand help" -s a -l all -d 'List all commands, plumbing too'
complete -c larder -n "__fish_larder_using_subcommand help" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand help" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand help" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand help" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand help" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand help" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand help" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand completions" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand completions" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand completions" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand completions" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand completions" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand completions" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand completions" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand completions" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand completions" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand completions" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand completions" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand completions" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand completions" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand completions" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s t -d 'The kind to store it as: blob, tree, action, run, manifest or links' -r
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s w -d 'Store the content in the repository'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l stdin -d 'Read one object from standard input'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l stdin-paths -d 'Read the names of files from standard input, one a line'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s z -d 'With --stdin-paths: names end with a NUL byte instead of a newline'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand hash-object" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand cat-object" -s t -d 'Print the kind'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -s s -d 'Print the size in bytes'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -s e -d 'Print nothing: exit 1 if it is not there'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -s p -d 'Print it for people: a tree as ls-tree lists it, anything else as it is'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l batch -d 'For each name on standard input, print id, kind and size, then the content'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l batch-check -d 'For each name on standard input, print id, kind and size'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -s z -d 'With --batch and --batch-check: names end with a NUL byte instead of a newline'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand cat-object" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l kind -d 'Only objects of this kind: blob, tree, action, run, manifest or links' -r
complete -c larder -n "__fish_larder_using_subcommand list-objects" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l unreferenced -d 'Only objects that nothing keeps: no snapshot, no record of a run, no pin'
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l missing -d 'What is referred to and not here, one class and id a line: whole, chunk or node'
complete -c larder -n "__fish_larder_using_subcommand list-objects" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand list-objects" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand list-objects" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand list-objects" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -s e -l exclude -d 'Leave out what matches this pattern (gitignore syntax); may be given several times' -r
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l exclude-file -d 'Leave out what matches the patterns in this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand write-tree" -s i -l include -d 'Store what matches this pattern and all beneath it, whatever the other patterns say, also in directories that they leave out' -r
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l exclude-if-present -d 'Leave out what is in directories that hold a file of this name, beginning with HEADER if one is given' -r
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l exclude-larger-than -d 'Leave out files larger than this, such as 100MiB' -r
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l root -d 'With --portable: the directory that the tree stands for [default: the current one]' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand write-tree" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l git-ignore -d 'Leave out what .gitignore files name'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l no-larderignore -d 'Do not read .larderignore files'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l exclude-caches -d 'Leave out what is in directories with a CACHEDIR.TAG'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -s x -l one-file-system -d 'Stay on the file system of each source'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l links -d 'Print the id of the object that lists hard links on a second line, or `-` if there are none'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l allow-empty -d 'Store sources even if one is missing or empty'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -s f -l force -d 'Read every file, even those that look unchanged'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l portable -d 'Store what a result of a task has: names, types, contents and executable bits, at paths relative to --root'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l external-links -d 'With --portable: store links that lead out of the root'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand write-tree" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l format -d 'Print this for each entry: %(objectmode) %(objecttype) %(objectname) %(objectsize) %(path), and more' -r
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -s r -d 'Go into directories, and list what is not a directory'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -s t -d 'With -r: list the directories too, each before what is in it'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -s d -d 'List directories only'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -s l -l long -d 'Print the size before the name, `-` for what has none'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -s z -d 'End lines with a NUL byte, and quote no names'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l name-only -d 'Print names only'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l overwrite -d 'What becomes of files that are there: always, if-changed (believes size and time), if-newer or never' -r
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l links -d 'The object that lists hard links, as `show` names it; of a snapshot it is known' -r
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l path -d 'A source that the tree holds: an absolute path; may be given several times' -r -F
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l links -d 'The object that lists hard links, as write-tree --links prints it; `-` is none' -r
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l parent -d 'The snapshot that this one follows' -r -f
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l tag -d 'A tag; may be given several times' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l host -d 'The machine\'s name; otherwise this machine\'s' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l time -d 'The time that the snapshot claims, such as 2026-11-21T10:00:00Z' -r
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand resolve" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand resolve" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand resolve" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand resolve" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand resolve" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand resolve" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand resolve" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand resolve" -l verify -d 'Print nothing when it is not found: exit 1'
complete -c larder -n "__fish_larder_using_subcommand resolve" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand resolve" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand resolve" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand resolve" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand resolve" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand resolve" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand resolve" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand resolve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -f -a "get" -d 'Print the run that makes an action a hit: name, tab, id a line; of several the newest'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -f -a "put" -d 'Store a record, and print its id; what it names must be here'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -f -a "list" -d 'List the runs, the newest first: record, action, status, time, marks, with spaces between them'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -f -a "show" -d 'Print a record: name, tab, value a line; then `output`, tab, and a line as ls-tree prints it, for each output'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -f -a "rm" -d 'Remove runs: their actions do not find them any more, and gc frees what only they kept'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -f -a "pin" -d 'Keep runs until they are unpinned'
complete -c larder -n "__fish_larder_using_subcommand record; and not __fish_seen_subcommand_from get put list show rm pin unpin" -f -a "unpin" -d 'Keep runs only as long as others'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l field -d 'Print only this: record, action, result, inputs, stdout, stderr, interleave; `-` if there is none' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l root -d 'The project\'s root, where what a run of the action read beyond its inputs must be as it was' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l raw -d 'Print the bytes of the record as they are stored'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l action -d 'The action: its object must be stored' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l result -d 'The portable tree of its outputs' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l inputs -d 'The portable tree of its inputs' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l stdout -d 'What it wrote to standard output; `-` is nothing, here and below' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l stderr -d 'What it wrote to standard error' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l interleave -d 'The order in which both were written' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l status -d 'How it ended: success, failed, timeout, cancelled, unstored' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l reason -d 'Why it ended so' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l exit -d 'The exit status of the command' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l signal -d 'The signal that ended the command' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l task -d 'The name of the task' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l project -d 'The project' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l start -d 'When it began, such as 2026-11-21T10:00:00Z; otherwise now' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l wall-ms -d 'How long it took, milliseconds' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l root -d 'The project\'s root: of an action with a depfile, what it names there is noted as read' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l raw -d 'Store these bytes as the record, as get --raw prints them; `-` is standard input' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from put" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l action -d 'Only runs of this action' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l status -d 'Only runs that ended so: success, failed, timeout, cancelled, unstored' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l action -d 'All runs of this action; may be given several times' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -s f -l force -d 'Also pinned ones'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from pin" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand record; and __fish_seen_subcommand_from unpin" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l to -d 'What to write' -r -f -a "json\t'One JSON object'
toml\t'TOML'"
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand parse-manifest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand action-id" -s f -l file -d 'The manifest; else the first word if it names one, else the larder.toml here or above' -r -F
complete -c larder -n "__fish_larder_using_subcommand action-id" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand action-id" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand action-id" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand action-id" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand action-id" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand action-id" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand action-id" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand action-id" -l explain -d 'Print what the id is made of, a component a line; of values only what they are equal to'
complete -c larder -n "__fish_larder_using_subcommand action-id" -l raw -d 'Write the bytes of the action, whose SHA-256 is the id'
complete -c larder -n "__fish_larder_using_subcommand action-id" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand action-id" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand action-id" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand action-id" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand action-id" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand action-id" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand action-id" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand action-id" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l action -d 'Execute the command of this action, whose object is stored' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l shell -d 'Execute this text by sh -c' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l root -d 'The project\'s root; otherwise the current directory' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l cwd -d 'Where the command runs, relative to the root' -r -F
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l env -d 'A variable that the command sees: its value, or as it is' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l pass-env -d 'A variable that the command sees as it is, whatever the action says' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l secret -d 'A variable that the command sees and no log shows' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l timeout -d 'End it after this long' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l retries -d 'Try so often again when it fails' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l retry-delay -d 'The longest wait before the first retry, milliseconds; it doubles with each' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l color -d 'Ask its programs for colour'
complete -c larder -n "__fish_larder_using_subcommand exec-task" -s w -d 'Store what the last attempt printed, and print the ids'
complete -c larder -n "__fish_larder_using_subcommand exec-task" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand exec-task" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand exec-task" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand exec-task" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -f -a "check" -d 'Check the index file, and that it knows every segment'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -f -a "rebuild" -d 'Make the index anew from the repository\'s files'
complete -c larder -n "__fish_larder_using_subcommand index; and not __fish_seen_subcommand_from check rebuild stats" -f -a "stats" -d 'Print counts and sizes'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from rebuild" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand index; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand digest" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand digest" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand digest" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand digest" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand digest" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand digest" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand digest" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand digest" -l crc32 -d 'Print the CRC-32, 8 digits'
complete -c larder -n "__fish_larder_using_subcommand digest" -l sha256 -d 'Print the SHA-256, 64 digits; this is the default and the id of the content'
complete -c larder -n "__fish_larder_using_subcommand digest" -l blake3 -d 'Print the BLAKE3 hash without a key, 64 digits'
complete -c larder -n "__fish_larder_using_subcommand digest" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand digest" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand digest" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand digest" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand digest" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand digest" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand digest" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand digest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l profile -d 'The profile of sizes: default (16/64/256 KiB), fine (4/16/64 KiB) or coarse (256/1024/4096 KiB)' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -l sizes -d 'The shortest, average and longest chunk: 4096/32768/131072' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand chunk" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand chunk" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand chunk" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand chunk" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand chunk" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand chunk" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand chunk" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand compress" -s a -l algorithm -d 'The algorithm: none, zlib, gzip, lz4 or zstd' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -s l -l level -d 'How hard to try: 1 to 9 for zlib and gzip, 1 to 12 for lz4, 1 to 19 for zstd' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand compress" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand compress" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand compress" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand compress" -l estimate -d 'Compress nothing: print what it would save, in percent'
complete -c larder -n "__fish_larder_using_subcommand compress" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand compress" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand compress" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand compress" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand compress" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand compress" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand compress" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand compress" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand decompress" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand decompress" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand decompress" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand decompress" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand decompress" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand decompress" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand decompress" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand decompress" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand decompress" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand decompress" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand decompress" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand decompress" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand decompress" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand decompress" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand decompress" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand lock" -l wait -d 'Wait this long at most; otherwise it waits until the lock is free' -r
complete -c larder -n "__fish_larder_using_subcommand lock" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand lock" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand lock" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand lock" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand lock" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand lock" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand lock" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand lock" -l shared -d 'Share the lock with others who share it'
complete -c larder -n "__fish_larder_using_subcommand lock" -l no-wait -d 'Do not wait at all'
complete -c larder -n "__fish_larder_using_subcommand lock" -l status -d 'List who holds the lock, and run nothing'
complete -c larder -n "__fish_larder_using_subcommand lock" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand lock" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand lock" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand lock" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand lock" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand lock" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand lock" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand lock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l read-only -d 'Refuse whatever would change something'
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l append-only -d 'Refuse to replace and to delete, leases aside: enough for backup, restore, verify and sync'
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand serve-stdio" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l host -d 'Only snapshots of this machine; may be given several times' -r -f -a "(__fish_print_hostnames)"
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l tag -d 'Only snapshots with all of these tags; given several times, any of the lists' -r -f -a "(__fish_complete_users)"
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l path -d 'Only snapshots of this source; given several times, of all of them' -r -F
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -s r -l repo -d 'The repository: a directory, an address such as ssh://host/path, or the name of a remote. Otherwise LARDER_REPOSITORY, otherwise `.larder` here or above' -r -f -a "(__fish_complete_directories)"
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l progress-interval -d 'Where stderr is no terminal, say how far it is this often: 90s, 5m' -r
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l lock-wait -d 'Wait this long for a lock that another process holds, instead of failing at once' -r
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l passphrase-file -d 'Read the passphrase from the first line of this file' -r -F
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l passphrase-command -d 'Run this with `sh -c` and read the passphrase from its first line of output' -r
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l passphrase-fd -d 'Read the passphrase from this open file descriptor' -r
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l key-file -d 'Open the repository with this key file instead of a passphrase' -r -F
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l snapshots -d 'Only snapshots'
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l runs -d 'Only results of tasks'
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -s q -l quiet -d 'Say nothing but the answer and failures'
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -s v -l verbose -d 'Say more; twice, still more'
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l json -d 'Answer in JSON, one object a line, each with a `type`'
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l no-color -d 'Use no colour; so does NO_COLOR in the environment'
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l banner -d 'At a terminal, begin with a banner'
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l no-progress -d 'Show no progress'
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l accept-rollback -d 'Accept a history that went back, once: an old copy of the repository was brought back on purpose'
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -s h -l help -d 'Print help (see more with \'--help\')'

# Names of snapshots, tags and machines are those that larder saw last, tasks those of the manifest: nothing is asked.
function __larder_names
    larder complete $argv -- (commandline -opc) 2>/dev/null
end
complete -c larder -n "__fish_larder_using_subcommand copy" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand diff" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand dump" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand forget" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand ls" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand ls-tree" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand restore" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand restore-tree" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand show" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand snapshots" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand tag" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand verify" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand action-id" -a "(__larder_names tasks)"
complete -c larder -n "__fish_larder_using_subcommand clean" -a "(__larder_names tasks)"
complete -c larder -n "__fish_larder_using_subcommand explain" -a "(__larder_names tasks)"
complete -c larder -n "__fish_larder_using_subcommand graph" -a "(__larder_names tasks)"
complete -c larder -n "__fish_larder_using_subcommand run" -a "(__larder_names tasks)"
complete -c larder -n "__fish_larder_using_subcommand tasks" -a "(__larder_names tasks)"
complete -c larder -n "__fish_larder_using_subcommand backup" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand backup" -l tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand copy" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand copy" -l tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand find" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand find" -l snapshot -x -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand find" -l tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand forget" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand forget" -l keep-tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand forget" -l tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand log" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand log" -l tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand ls-remote" -l tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand snapshots" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand snapshots" -l tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand stats" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand stats" -l tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand sync" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand sync" -l tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand tag" -l add -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand tag" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand tag" -l remove -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand tag" -l set -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand tag" -l tag -x -a "(__larder_names tags)"
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l host -x -a "(__larder_names hosts)"
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l parent -x -a "(__larder_names snapshots)"
complete -c larder -n "__fish_larder_using_subcommand write-snapshot" -l tag -x -a "(__larder_names tags)"
