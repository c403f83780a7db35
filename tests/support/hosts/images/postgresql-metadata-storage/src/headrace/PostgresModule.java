package headrace;

import com.google.inject.Binder;
import com.google.inject.Key;
import org.apache.druid.guice.LazySingleton;
import org.apache.druid.guice.PolyBind;
import org.apache.druid.guice.SQLMetadataStorageDruidModule;
import org.apache.druid.initialization.DruidModule;
import org.apache.druid.metadata.MetadataStorageActionHandlerFactory;
import org.apache.druid.metadata.MetadataStorageConnector;
import org.apache.druid.metadata.MetadataStorageProvider;
import org.apache.druid.metadata.NoopMetadataStorageProvider;
import org.apache.druid.metadata.PostgreSQLMetadataStorageActionHandlerFactory;
import org.apache.druid.metadata.SQLMetadataConnector;

/** Makes `druid.metadata.storage.type=postgresql` known. */
public class PostgresModule extends SQLMetadataStorageDruidModule implements DruidModule {
    private static final String TYPE = "postgresql";

    public PostgresModule() {
        super(TYPE);
    }

    @Override
    public void configure(Binder binder) {
        super.configure(binder);
        bind(binder, MetadataStorageProvider.class, NoopMetadataStorageProvider.class);
        bind(binder, MetadataStorageConnector.class, PostgresConnector.class);
        bind(binder, SQLMetadataConnector.class, PostgresConnector.class);
        bind(binder, MetadataStorageActionHandlerFactory.class, PostgreSQLMetadataStorageActionHandlerFactory.class);
    }

    private static <T> void bind(Binder binder, Class<T> type, Class<? extends T> implementation) {
        PolyBind.optionBinder(binder, Key.get(type)).addBinding(TYPE).to(implementation).in(LazySingleton.class);
    }
}
