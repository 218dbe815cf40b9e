/**
 * `text` with each `$(NAME)` replaced by a variable, as Kubernetes does in command, args and env: `$$` is a
 * dollar sign, what names no variable stays as it is.
 */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$(?:\$|\(([^()]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (variables.get(name) ?? whole),
  );
}
