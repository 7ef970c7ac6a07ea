#!/usr/bin/env bash
# Entry point of the Flink test images. A role starts that process in the foreground; anything else is run as it stands,
# which is how Kubernetes starts Flink in native mode.
set -eu

FLINK_HOME=${FLINK_HOME:-/opt/flink}
CONF_DIR=${FLINK_CONF_DIR:-$FLINK_HOME/conf}
export HOME=${FLINK_HOME}

usage() {
	cat <<-TEXT
		usage: ROLE [ARGUMENT...] | COMMAND [ARGUMENT...]

		roles:
		  jobmanager       JobManager of a session cluster
		  standalone-job   JobManager of an application cluster; --job-classname CLASS names its main class
		  taskmanager      TaskManager
		  history-server   history server
		  help             this text

		environment:
		  JOB_MANAGER_RPC_ADDRESS             becomes jobmanager.rpc.address; without it the JobManager takes its host name
		  TASK_MANAGER_NUMBER_OF_TASK_SLOTS   becomes taskmanager.numberOfTaskSlots
		  FLINK_PROPERTIES                    lines of 'key: value' for the configuration; \$NAME stands for a variable
		  ENABLE_BUILT_IN_PLUGINS             jars of $FLINK_HOME/opt to use as plugins, separated by ;
	TEXT
}

# The configuration file that Flink will read; the older name wins where it is there.
config_file() {
	if [ -e "$CONF_DIR/flink-conf.yaml" ]; then
		echo "$CONF_DIR/flink-conf.yaml"
	else
		echo "$CONF_DIR/config.yaml"
	fi
}

# set_options: reads 'key: value' lines and puts them into the configuration, in place of flat lines with the same keys. A
# file that cannot be written is a mounted ConfigMap, which is whole already.
set_options() {
	local file options
	file=$(config_file)
	options=$(cat)
	[ -n "$options" ] || return 0
	if ! [ -w "$file" ]; then
		echo "docker-entrypoint: $file is read-only, it is used as it is" >&2
		return 0
	fi
	# The last line of a key wins, since Flink takes a key that is there twice for an error.
	OPTIONS=$options awk '
		function key_of(line) { sub(/:.*/, "", line); gsub(/[ \t]/, "", line); return line }
		BEGIN {
			count = split(ENVIRON["OPTIONS"], lines, "\n")
			for (i = 1; i <= count; i++)
				if (lines[i] ~ /^[ \t]*[^#: \t][^:]*:/) { sub(/^[ \t]+/, "", lines[i]); last[key_of(lines[i])] = i }
		}
		/^[^# \t][^:]*:/ && (key_of($0) in last) { next }
		{ print }
		END { for (i = 1; i <= count; i++) if (last[key_of(lines[i])] == i) print lines[i] }
	' "$file" >"$file.new"
	# Not mv: the file may be a mount.
	cat "$file.new" >"$file"
	rm -f "$file.new"
}

# configure ADDRESS: ADDRESS is the JobManager's where nothing else is said, may be empty.
configure() {
	{
		if [ -n "${JOB_MANAGER_RPC_ADDRESS:-$1}" ]; then
			echo "jobmanager.rpc.address: ${JOB_MANAGER_RPC_ADDRESS:-$1}"
		fi
		if [ -n "${TASK_MANAGER_NUMBER_OF_TASK_SLOTS:-}" ]; then
			echo "taskmanager.numberOfTaskSlots: $TASK_MANAGER_NUMBER_OF_TASK_SLOTS"
		fi
		if [ -n "${FLINK_PROPERTIES:-}" ]; then
			envsubst <<<"$FLINK_PROPERTIES"
		fi
	} | set_options
}

enable_plugins() {
	local jar name
	local IFS=';'
	for jar in ${ENABLE_BUILT_IN_PLUGINS:-}; do
		if ! [ -e "$FLINK_HOME/opt/$jar" ]; then
			echo "docker-entrypoint: ENABLE_BUILT_IN_PLUGINS names $jar, which is not in $FLINK_HOME/opt: this image carries none" >&2
			exit 1
		fi
		name=${jar%.jar}
		mkdir -p "$FLINK_HOME/plugins/$name"
		ln -sf "$FLINK_HOME/opt/$jar" "$FLINK_HOME/plugins/$name/$jar"
	done
}

# run COMMAND...: as the user flink when the container was started as root, else as whoever it was started as.
run() {
	if [ "$(id -u)" = 0 ]; then
		exec setpriv --reuid=flink --regid=flink --init-groups -- "$@"
	fi
	exec "$@"
}

role=${1:-help}
case $role in
help)
	usage
	;;
jobmanager | standalone-job)
	shift
	enable_plugins
	configure "$(hostname -f 2>/dev/null || hostname)"
	run "$FLINK_HOME/bin/$role.sh" start-foreground "$@"
	;;
taskmanager)
	shift
	enable_plugins
	configure ""
	run "$FLINK_HOME/bin/taskmanager.sh" start-foreground "$@"
	;;
history-server)
	shift
	enable_plugins
	configure ""
	run "$FLINK_HOME/bin/historyserver.sh" start-foreground "$@"
	;;
*)
	enable_plugins
	configure ""
	run "$@"
	;;
esac
