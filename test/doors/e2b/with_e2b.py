"""What RAGFlow's backend in Go asks E2B for: a sandbox of the template base, and programs as commands in it."""

from e2b import CommandExitException, Sandbox

sandbox = Sandbox.create("base")
try:
    print(sandbox.commands.run('python3 -c "print(6 * 7)"').stdout.strip())
    print(sandbox.commands.run("node -e 'console.log(6 * 7)'").stdout.strip())
    try:
        sandbox.commands.run('python3 -c "import sys; sys.exit(3)"')
    except CommandExitException as error:
        print(error.exit_code)
finally:
    print(sandbox.kill())
