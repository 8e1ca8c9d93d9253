/** A component whose code is loaded when it is first shown. */

import { type ComponentChildren, type ComponentType, Fragment } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Page } from "./page.tsx";
import { ProblemNote } from "./problem_note.tsx";
import { Loading } from "./query_view.tsx";

type Around = ComponentType<{ children: ComponentChildren }>;

/** A page whose code is loaded when it is first shown. */
export function lazyPage<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  return lazily(load, NotLoaded);
}

function NotLoaded({ children }: { children: ComponentChildren }) {
  return <Page title="The page is missing">{children}</Page>;
}

/** A part of a page. `Failed` is around what is said if it could not be loaded. */
export function lazily<P extends object>(
  load: () => Promise<ComponentType<P>>,
  Failed: Around = Fragment,
): ComponentType<P> {
  let loaded: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [Shown, setShown] = useState<ComponentType<P> | null>(() => loaded);
    const [error, setError] = useState<Error | null>(null);
    const [tries, setTries] = useState(0);
    useEffect(() => {
      if (loaded !== null) return;
      load().then(
        (component) => {
          loaded = component;
          setShown(() => component);
        },
        () => setError(new Error("It could not be loaded. There may be no connection, or a new version: then reload.")),
      );
    }, [tries]);
    if (Shown !== null) return <Shown {...props} />;
    if (error === null) return <Loading />;
    const again = () => {
      setError(null);
      setTries(tries + 1);
    };
    return (
      <Failed>
        <ProblemNote error={error}>
          <button type="button" class="secondary" onClick={again}>
            Try again
          </button>{" "}
          <button type="button" class="secondary" onClick={() => location.reload()}>
            Reload
          </button>
        </ProblemNote>
      </Failed>
    );
  };
}
