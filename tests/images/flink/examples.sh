# shellcheck shell=bash
# Flink's example jobs that the image carries, from Maven Central. Sourced by build.sh.

# flink_examples BRANCH: prints the path of a tar with StateMachineExample.jar and TopSpeedWindowing.jar.
flink_examples() {
	local version examples
	version=$(flink_version "$1")
	examples=$(flink_examples_version "$1")
	cached "flink-examples-$1" \
		"$(inputs_hash "$REPO" tests/images/flink/examples.sh tests/images/flink/examples.xml tests/images/flink/jar.py "$version" "$examples" "$MAVEN_DEPENDENCY_PLUGIN")" \
		tar 100 flink_examples_build "$version" "$examples"
}

flink_examples_build() {
	need python3=python3 mvn=maven
	step "fetch the examples from Maven Central" flink_fetch_examples "$1" "$2"
	step "put the example jars together" flink_make_examples
}

flink_fetch_examples() {
	local version=$1 examples=$2 repository="$WORK/m2" parent
	# Not every mirror carries the parent's POM, and with no dependencies wanted nothing in it matters: an empty one of our
	# own saves downloading two generations of parents.
	parent="$repository/org/apache/flink/flink-examples/$examples"
	mkdir -p "$parent"
	cat >"$parent/flink-examples-$examples.pom" <<-POM
		<project>
		  <modelVersion>4.0.0</modelVersion>
		  <groupId>org.apache.flink</groupId>
		  <artifactId>flink-examples</artifactId>
		  <version>$examples</version>
		  <packaging>pom</packaging>
		</project>
	POM
	mvn -B -ntp -q -f "$HERE/flink/examples.xml" -Dmaven.repo.local="$repository" \
		-Dexamples.version="$examples" -Dflink.version="$version" -DoutputDirectory="$WORK/maven" \
		"org.apache.maven.plugins:maven-dependency-plugin:$MAVEN_DEPENDENCY_PLUGIN:copy-dependencies"
	mv "$WORK"/maven/flink-examples-streaming-*-TopSpeedWindowing.jar "$WORK/TopSpeedWindowing.jar"
	mv "$WORK"/maven/flink-examples-streaming-*.jar "$WORK/examples.jar"
	mv "$WORK"/maven/flink-connector-datagen-*.jar "$WORK/datagen.jar"
}

flink_make_examples() {
	local package=org/apache/flink
	# The state machine example as such wants the Kafka connector, for an option that nobody uses here.
	python3 "$HERE/flink/jar.py" "$WORK/StateMachineExample.jar" \
		org.apache.flink.streaming.examples.statemachine.StateMachineExample \
		"$WORK/examples.jar:$package/streaming/examples/statemachine/,META-INF/LICENSE,META-INF/NOTICE" \
		"$WORK/datagen.jar:$package/connector/datagen/"
	tar -C "$WORK" -cf "$WORK/examples.tar" StateMachineExample.jar TopSpeedWindowing.jar
	mv "$WORK/examples.tar" "$WORK/out"
}
